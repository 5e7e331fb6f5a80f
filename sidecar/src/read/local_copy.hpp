// The cluster's copy in the local Redis, as readers see it.
#pragma once

#include "authorization/rule.hpp"
#include "itemize/lsn.hpp"
#include "options.hpp"
#include "read/memory_cache.hpp"
#include "redis/connection.hpp"

#include <optional>
#include <string>
#include <vector>

namespace itemize::sidecar::read {

/// What is known about one key. The row of kFound is ready to be served.
struct HeldItem {
  enum class State {
    kUnknown,
    kFound,
    kMissing,
    kUnencodable, ///< the database has it and cannot give it; never in the copy
    kContended,   ///< it could not be taken into the copy in time; never in the copy
  };
  State state = State::kUnknown;
  std::string row;
  /// Of a row that the copy has just given: what it goes by when it is kept in memory. Empty: not to be kept.
  std::string stamp;
};

struct LocalRead {
  enum class Access {
    kNoCopy,     ///< nothing has been applied here yet
    kUnreadable, ///< no such type, or not for the viewer
    kReadable,
  };
  Access access = Access::kNoCopy;
  /// Who may read the type, in the words of its definition.
  std::string rule;
  /// The applier has not caught up since this Redis was started (LocalField::kServer): not to be shown.
  bool behind = false;
  /// Position that `items` is as of; set unless kNoCopy.
  std::optional<Position> position;
  /// Every transaction up to here is applied whole.
  Lsn complete = 0;
  std::vector<HeldItem> items;
  /// How many of their rows were known already.
  std::size_t known = 0;
};

/// An item in memory that somebody asks for.
struct KeptQuestion {
  std::string type;
  std::string key;
  SharedItem item;
};

/// What the copy says of items in memory.
struct Checked {
  /// What the copy had applied when it was asked; nothing when there is no copy that may be read.
  std::optional<Position> position;
  /// For each question a 1 when its row is still the item's.
  std::string same;
};

/// A row that the database gave, or did not.
struct FetchedItem {
  bool found = false;
  std::string row;
  std::string member_lengths;
  std::string generation;
};

/// The right to fill some keys, from BeginFill to StoreFill or AbandonFill.
struct FillLease {
  std::string name_space;
  std::string gen;
  std::string epoch;
  /// Our own, unlike that of any other fill in any process.
  std::string token;
  /// For each key asked for: the token of the marker to use, another's if that one is late; empty: not ours to fill.
  std::vector<std::string> markers;
};

/// What rows are exactly of.
struct RowsAsOf {
  /// Text of pg_current_snapshot(), and the end of the primary's WAL after it was taken.
  std::string snapshot;
  Lsn inserted = 0;
  /// Of a standby instead.
  std::optional<Lsn> replayed;
};

struct StoredFill {
  enum class Outcome {
    kDone,
    kEarly, ///< a standby's rows, ahead of the stream: again soon
    kOld,   ///< a standby's rows that may be older than what has been shown
  };
  Outcome outcome = Outcome::kDone;
  /// kUnknown where the fill has to be tried again.
  std::vector<HeldItem> items;
};

/// Stateless: all functions with a connection are one round trip and throw RedisError.
class LocalCopy {
public:
  explicit LocalCopy(const Options &options);

  /// With `memory`: what is there need not come from the copy again, and what comes is stamped, to be kept there.
  LocalRead Read(RedisConnection &redis, const std::string &type, const std::vector<std::string> &keys,
                 const authorization::Viewer &viewer, MemoryCache *memory = nullptr) const;

  // Whether rows in memory are still the copy's, for who does not wait for Redis.

  /// Makes a connection ready for CheckCommand.
  static void PrepareCheck(RedisConnection &redis);
  /// To be appended to a connection; refers to `questions` and this object. Items used for a good while without it are
  /// held longer by it.
  [[nodiscard]] RedisArguments CheckCommand(const std::vector<KeptQuestion> &questions) const;
  /// What its answer says of so many questions. `run_id`: of the connection.
  [[nodiscard]] static Checked CheckedOf(const Reply &reply, std::size_t questions, const std::string &run_id);

  /// The running position, and nothing else. Nothing when there is no copy that may be read.
  std::optional<LocalRead> ReadPosition(RedisConnection &redis) const;

  /// A token for BeginFill.
  static std::string MakeToken();
  /// Sets markers. Nothing when there is no local copy or no such type. May be repeated with the same token.
  std::optional<FillLease> BeginFill(RedisConnection &redis, const std::string &type, const std::string &token,
                                     const std::vector<std::string> &keys) const;
  /// `keys`, their `markers` and `fetched` go together, all of them granted.
  StoredFill StoreFill(RedisConnection &redis, const std::string &type, const FillLease &lease, const RowsAsOf &as_of,
                       const std::vector<std::string> &keys, const std::vector<std::string> &markers,
                       const std::vector<FetchedItem> &fetched) const;
  /// Before an answer that could not be stored is given.
  void Forget(RedisConnection &redis, const std::string &type, const std::vector<std::string> &keys) const;
  /// The same for all that is held of the type.
  void ForgetType(RedisConnection &redis, const std::string &type) const;
  void AbandonFill(RedisConnection &redis, const std::string &type, const FillLease &lease,
                   const std::vector<std::string> &keys) const;

private:
  std::string state_key_;
  std::string awaited_key_;
  /// How often reads from memory renew it.
  std::chrono::milliseconds renewal_interval_;
  std::string item_ttl_;
  std::string missing_ttl_;
};

} // namespace itemize::sidecar::read
