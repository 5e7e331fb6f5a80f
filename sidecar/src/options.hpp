// What the user can set. A flag --foo-bar is the environment variable ITEMIZE_FOO_BAR and the key
// foo-bar of the configuration file; a flag goes before the environment, the environment before the file.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace itemize::sidecar {

enum class Mode { kAbsolute, kGlobal, kLocal, kExtended };

/// Words for --from, --until and lists of names.
inline constexpr const char *kFromNow = "now";
inline constexpr const char *kFromSnapshot = "snapshot";
inline constexpr const char *kEveryName = "*";

struct TailOptions {
  /// kEveryName for all.
  std::vector<std::string> types;
  std::vector<std::string> topics;
  /// kFromNow, kFromSnapshot or a position.
  std::string from = kFromNow;
  /// Empty, kFromNow or a position.
  std::string until;
  /// Lines; 0: no end.
  std::uint64_t limit = 0;
  /// Empty: by itself.
  std::string group;
  /// Name in the group; empty: one is made up.
  std::string consumer;
  bool ack_from_stdin = false;
};

struct ErasureOptions {
  std::string type;
  std::string key;
  bool scrub = false;
};

struct Options {
  Mode mode = Mode::kAbsolute;

  /// URL of the primary, for queries.
  std::string database;
  /// URL of the primary for the replication protocol; empty: the same as `database`.
  std::string replication_database;
  /// URLs of standbys near the cluster, nearest first.
  std::vector<std::string> replicas;
  /// URLs; validated by the time anybody sees them.
  std::string global_redis;
  std::string local_redis;

  /// Replication slot; made when it is missing.
  std::string slot = "itemize";
  /// Prefix of every key in Redis.
  std::string prefix = "itemize";
  /// About how many entries the global stream keeps. A cluster that falls further behind resyncs.
  std::uint64_t stream_max_entries = 100'000;
  /// The same in bytes of its entries, and in age: older ones go, whoever has not read them.
  std::uint64_t stream_max_bytes = 1'073'741'824;
  std::chrono::seconds stream_max_age{86400};
  /// Name of the cluster that this process applies for, in the registry of the global Redis.
  std::string cluster = "default";
  /// A publisher that does not renew its lease for this long is evicted from the slot by one that waits;
  /// a silent member of a group of tail loses its share.
  std::chrono::seconds lease{10};
  /// About how many entries the local stream keeps, for clients that resume with Last-Event-ID.
  std::uint64_t local_stream_max_entries = 10'000;
  /// The same in bytes of its entries; the newest entry stays, however long it is.
  std::uint64_t local_stream_max_bytes = 268'435'456;
  /// Longest time without an entry in the stream while the write-ahead log moves.
  std::chrono::seconds heartbeat{10};
  /// How long an item stays in the local Redis after it was last read.
  std::chrono::seconds item_ttl{3600};
  /// The same for an item that is known to be missing.
  std::chrono::seconds missing_ttl{60};

  /// Bytes of items that a process keeps in its own memory besides; 0: none.
  std::uint64_t memory_cache_bytes = 67'108'864;

  /// Address and port of the HTTP server; port 0 takes a free one.
  std::string listen_address = "127.0.0.1";
  std::uint16_t listen_port = 8080;
  /// Where health and metrics are served besides; an empty address: nowhere.
  std::string metrics_address;
  std::uint16_t metrics_port = 0;
  /// Directory served at /; empty: none.
  std::string static_dir;
  /// HTTP connections at once, live streams included.
  std::uint64_t max_connections = 10'000;
  /// Requests a second, RATE or RATE:BURST, of one address, and of the subject of a token; empty: no limit.
  std::string rate_limit_address;
  std::string rate_limit_client;
  /// Live subscriptions at once, of the same; 0: no limit.
  std::uint64_t live_limit_address = 0;
  std::uint64_t live_limit_client = 0;
  /// Proxies whose X-Forwarded-For is believed: ADDRESS or ADDRESS/BITS.
  std::vector<std::string> trusted_proxies;
  /// Bytes that may wait for one live client before they are conflated.
  std::uint64_t live_buffer = 1'048'576;

  /// What tokens of clients are verified with; both empty: tokens are not looked at.
  std::string jwt_secret_file;
  std::string jwks;
  std::string jwt_audience;
  std::string jwt_issuer;
  std::string jwt_role_claim = "role";
  /// Whose tokens may put pages; empty: nobody's.
  std::string page_role;
  std::chrono::seconds jwt_clock_skew{30};

  /// From the end of one comparison of the copy with the database to the next; 0: none.
  std::chrono::seconds coherence_interval{60};
  /// Items compared a second, which bounds what that costs the database.
  std::uint64_t coherence_items_per_second = 500;

  /// Longest that one search may take in the database, up to 10 minutes.
  std::chrono::milliseconds search_timeout{2000};
  /// Searches at a time. Each has its own two connections, one of them for items, to the primary and to each standby,
  /// and one to Redis.
  std::uint64_t search_connections = 4;

  /// URL of the primary for writes of clients, with a role of its own; empty: there are none.
  std::string write_database;
  /// Role of the database for who has no role; empty: he does not write.
  std::string write_anonymous_role;
  /// Longest that one statement of a write may take, up to 10 minutes.
  std::chrono::milliseconds write_timeout{5000};
  /// Writes at a time. Each has its own connection to the primary.
  std::uint64_t write_connections = 4;

  std::string log_level = "info";

  TailOptions tail;
  ErasureOptions erasure;
  /// uninstall: even while sidecars run.
  bool force = false;

  [[nodiscard]] bool RunsGlobal() const { return mode == Mode::kAbsolute || mode == Mode::kGlobal; }
  [[nodiscard]] bool RunsLocal() const { return mode == Mode::kAbsolute || mode == Mode::kLocal; }
  [[nodiscard]] bool RunsExtended() const { return mode == Mode::kAbsolute || mode == Mode::kExtended; }
};

const char *ModeName(Mode mode);

/// What the command line asks for.
struct CommandLine {
  enum class Action {
    kRun,
    kCheckConfig,  ///< validate, and with `connect` try every server once
    kStatus,       ///< say where the stream is
    kTail,         ///< print changes as JSON lines
    kVerify,       ///< compare the copy with the database once
    kUninstall,    ///< remove slot and keys
    kErasureCheck, ///< look for what is left of an erased item
    kRelease,      ///< drop what the local Redis holds
    kShow,         ///< print `text` (help, version) and end with status 0
  };
  Action action = Action::kRun;
  Options options;
  bool connect = false;
  std::string text;
};

/// Reads flags, environment and configuration file, and validates the whole. Throws ConfigError; no
/// text of it holds a password.
CommandLine ParseCommandLine(int argc, const char *const *argv);

} // namespace itemize::sidecar
