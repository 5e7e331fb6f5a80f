#include "options.hpp"

#include "base/errors.hpp"
#include "base/logger.hpp"
#include "command_options.hpp"
#include "itemize/lsn.hpp"
#include "option_names.hpp"
#include "postgres/connection.hpp"
#include "postgres/password.hpp"
#include "redis/endpoint.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>

namespace itemize::sidecar {
namespace {

constexpr const char *kVersion = ITEMIZE_VERSION;
constexpr std::string_view kConfigFlag = "--config";
constexpr const char *kConfigVariable = "ITEMIZE_CONFIG";
constexpr std::int64_t kLongestStatementMilliseconds = 600000; // PostgreSQL takes no statement_timeout above 2^31 - 1
constexpr std::int64_t kMostConnections = 100;                 // each is a thread
constexpr std::int64_t kMostClockSkewSeconds = 600;

constexpr std::array<const char *, 4> kModeNames = {"absolute", "global", "local", "extended"};

/// CLI11 lets the file go before the environment; drop from the file what the environment sets.
class EnvironmentFirst : public CLI::ConfigTOML {
public:
  std::vector<CLI::ConfigItem> from_config(std::istream &input) const override {
    auto kept = CLI::ConfigTOML::from_config(input);
    const auto set_by_environment = [](const CLI::ConfigItem &item) {
      const char *const value = std::getenv(EnvironmentName(item.name).c_str());
      return value != nullptr && *value != '\0';
    };
    kept.erase(std::remove_if(kept.begin(), kept.end(), set_by_environment), kept.end());
    return kept;
  }
};

/// Values as they were written, before validation.
struct Raw {
  std::string mode;
  std::string checked_mode;
  std::string redis;
  std::string listen;
  std::string metrics_listen;
  // Files that hold a password and nothing else.
  std::string database_password_file;
  std::string replication_database_password_file;
  std::string write_database_password_file;
  std::string redis_password_file;
  std::string global_redis_password_file;
  std::string local_redis_password_file;
  // Signed: CLI11 would read -1 into an unsigned number as a huge one.
  std::int64_t stream_max_entries = 0;
  std::int64_t stream_max_bytes = 0;
  std::int64_t stream_max_age_seconds = 0;
  std::int64_t lease_seconds = 0;
  std::int64_t local_stream_max_entries = 0;
  std::int64_t local_stream_max_bytes = 0;
  std::int64_t heartbeat_seconds = 0;
  std::int64_t item_ttl_seconds = 0;
  std::int64_t missing_ttl_seconds = 0;
  std::int64_t max_connections = 0;
  std::int64_t live_buffer = 0;
  std::int64_t live_limit_address = 0;
  std::int64_t live_limit_client = 0;
  std::int64_t jwt_clock_skew_seconds = 0;
  std::int64_t memory_cache_bytes = 0;
  std::int64_t coherence_interval_seconds = 0;
  std::int64_t coherence_items_per_second = 0;
  std::int64_t search_timeout_milliseconds = 0;
  std::int64_t search_connections = 0;
  std::int64_t write_timeout_milliseconds = 0;
  std::int64_t write_connections = 0;
  bool connect = false;
  RawCommand command;
};

void Declare(CLI::App &app, Options &options, Raw &raw) {
  app.add_option("MODE", raw.mode,
                 "absolute (all three in one process), global (slot -> global Redis), local (global Redis -> local "
                 "Redis), extended (HTTP); check-config [MODE] (validate and end); or status, tail, verify, "
                 "uninstall, erasure-check, release")
      ->required()
      ->configurable(false);
  app.add_option("CHECKED", raw.checked_mode, "the mode that check-config validates for (default: absolute)")
      ->configurable(false);
  app.add_flag("--connect", raw.connect, "check-config: also connect once to every server")->configurable(false);
  Add(app, "database", options.database, "URL of the primary: postgresql://user@host:port/name");
  Add(app, "replication-database", options.replication_database,
      "URL of the primary for a role with REPLICATION (default: --database)");
  Add(app, "write-database", options.write_database,
      "URL of the primary for writes of clients, with a role of its own (default: no writes)");
  // Without its default in the help, which would be an empty list.
  app.add_option("--replica", options.replicas,
                 "URL of a standby that items are read from when it is as new as the copy; may be given several times")
      ->envname(EnvironmentName("replica"));
  Add(app, "redis", raw.redis, "URL of both Redis: redis://[user:password@]host:port/db or unix:///path");
  Add(app, "global-redis", options.global_redis, "URL of the global Redis (default: --redis)");
  Add(app, "local-redis", options.local_redis, "URL of the local Redis (default: --redis)");
  Add(app, "database-password-file", raw.database_password_file, "file with the password for --database");
  Add(app, "replication-database-password-file", raw.replication_database_password_file,
      "file with the password for --replication-database");
  Add(app, "write-database-password-file", raw.write_database_password_file,
      "file with the password for --write-database");
  Add(app, "redis-password-file", raw.redis_password_file, "file with the password for --redis");
  Add(app, "global-redis-password-file", raw.global_redis_password_file, "file with the password for --global-redis");
  Add(app, "local-redis-password-file", raw.local_redis_password_file, "file with the password for --local-redis");
  Add(app, "slot", options.slot, "logical replication slot; made when missing");
  Add(app, "prefix", options.prefix, "prefix of every key in Redis");
  Add(app, "stream-max-entries", raw.stream_max_entries, "entries kept in the global stream, about");
  Add(app, "stream-max-bytes", raw.stream_max_bytes, "bytes kept in the global stream, about");
  Add(app, "stream-max-age-seconds", raw.stream_max_age_seconds, "how long an entry is kept in the global stream");
  Add(app, "cluster", options.cluster, "name of the cluster that this process applies for");
  Add(app, "lease-seconds", raw.lease_seconds,
      "a publisher, or a member of a group of tail, silent for longer is replaced");
  Add(app, "local-stream-max-entries", raw.local_stream_max_entries, "entries kept in the local stream");
  Add(app, "local-stream-max-bytes", raw.local_stream_max_bytes, "bytes kept in the local stream");
  Add(app, "heartbeat-seconds", raw.heartbeat_seconds, "longest time without an entry while the WAL moves");
  Add(app, "item-ttl-seconds", raw.item_ttl_seconds, "how long an item is held after it was last read");
  Add(app, "missing-ttl-seconds", raw.missing_ttl_seconds, "the same for an item known to be missing");
  Add(app, "memory-cache-bytes", raw.memory_cache_bytes, "bytes of items kept in this process' memory; 0: none");
  Add(app, "listen", raw.listen, "ADDRESS:PORT of the HTTP server; port 0 takes a free one");
  Add(app, "metrics-listen", raw.metrics_listen, "ADDRESS:PORT for health and metrics alone, in every mode");
  Add(app, "static-dir", options.static_dir, "directory served at /");
  Add(app, "max-connections", raw.max_connections, "HTTP connections at once, live streams included");
  Add(app, "rate-limit-address", options.rate_limit_address,
      "RATE or RATE:BURST: requests a second, and at once, of one address (default: no limit)");
  Add(app, "rate-limit-client", options.rate_limit_client, "the same of the subject of a token (default: no limit)");
  Add(app, "live-limit-address", raw.live_limit_address, "live subscriptions of one address at once; 0: no limit");
  Add(app, "live-limit-client", raw.live_limit_client, "the same of the subject of a token; 0: no limit");
  app.add_option("--trusted-proxy", options.trusted_proxies,
                 "ADDRESS or ADDRESS/BITS of a proxy whose X-Forwarded-For is believed; several with commas between")
      ->delimiter(',')
      ->envname(EnvironmentName("trusted-proxy"));
  Add(app, "live-buffer", raw.live_buffer, "bytes that may wait for one live client before they are conflated");
  Add(app, "jwt-secret-file", options.jwt_secret_file, "file with the secret of tokens signed with HS256");
  Add(app, "jwks", options.jwks, "file or https:// URL of the JSON Web Key Set that tokens are verified with");
  Add(app, "jwt-audience", options.jwt_audience, "what the claim aud of a token must contain");
  Add(app, "jwt-issuer", options.jwt_issuer, "what the claim iss of a token must be");
  Add(app, "jwt-role-claim", options.jwt_role_claim, "claim with the roles of a token: a name or a JSON pointer");
  Add(app, "page-role", options.page_role, "role that may put rendered pages (empty: nobody)");
  Add(app, "jwt-clock-skew-seconds", raw.jwt_clock_skew_seconds, "by how much clocks may differ");
  Add(app, "coherence-interval-seconds", raw.coherence_interval_seconds,
      "pause between comparisons of the copy with the database; 0: none");
  Add(app, "coherence-items-per-second", raw.coherence_items_per_second, "items compared a second");
  Add(app, "search-timeout-milliseconds", raw.search_timeout_milliseconds, "longest that a search may take");
  Add(app, "search-connections", raw.search_connections, "searches in the database at a time");
  Add(app, "write-anonymous-role", options.write_anonymous_role,
      "role of the database that clients without a role write as");
  Add(app, "write-timeout-milliseconds", raw.write_timeout_milliseconds,
      "longest that a statement of a write may take");
  Add(app, "write-connections", raw.write_connections, "writes in the database at a time");
  Add(app, "log-level", options.log_level, "debug, info, warning or error");
  DeclareCommands(app, options, raw.command);
  app.set_config(kConfigFlag.data(), "", "TOML file with any of these, without the dashes")->envname(kConfigVariable);
  app.config_formatter(std::make_shared<EnvironmentFirst>());
  app.allow_config_extras(CLI::config_extras_mode::error);
  app.set_version_flag("--version", std::string("itemize-sidecar ") + kVersion);
}

Mode ParseMode(const std::string &name) {
  for (std::size_t i = 0; i < kModeNames.size(); ++i) {
    if (name == kModeNames.at(i)) return static_cast<Mode>(i);
  }
  throw ConfigError("MODE must be absolute, global, local, extended, or one of the commands that --help lists, not \"" +
                    name + "\"");
}

void ParseListen(const char *name, const std::string &listen, std::string &address, std::uint16_t &port) {
  const std::size_t colon = listen.rfind(':');
  const auto number =
      colon == std::string::npos ? std::nullopt : ParseUint64(std::string_view(listen).substr(colon + 1));
  if (!number || *number > 65535 || colon == 0) {
    throw ConfigError(std::string(name) + " must be ADDRESS:PORT, for example 127.0.0.1:8080, not \"" + listen + "\"");
  }
  address = listen.substr(0, colon);
  if (address.front() == '[' && address.back() == ']') address = address.substr(1, address.size() - 2);
  port = static_cast<std::uint16_t>(*number);
}

void RequireAtLeastOne(std::int64_t value, const char *name) {
  if (value < 1) throw ConfigError(std::string(name) + " must be at least 1");
}

void RequireWithin(std::int64_t value, std::int64_t most, const char *name) {
  RequireAtLeastOne(value, name);
  if (value > most) throw ConfigError(std::string(name) + " must be at most " + std::to_string(most));
}

void RequireSet(const std::string &value, const char *name, const Options &options) {
  if (value.empty()) throw ConfigError(std::string("mode ") + ModeName(options.mode) + " needs " + name);
}

/// The rule of ReplicationSlotValidateName in PostgreSQL's slot.c.
bool IsSlotName(const std::string &name) {
  return !name.empty() && name.size() <= 63 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

/// Characters that mean something in a pattern of SCAN, or in a key's hash tag, are kept out.
bool IsPrefix(const std::string &prefix) {
  return !prefix.empty() && prefix.size() <= 63 && std::all_of(prefix.begin(), prefix.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '.' || c == ':';
  });
}

void ValidateMode(const Options &options) {
  if (options.RunsGlobal() || options.RunsExtended()) RequireSet(options.database, "--database", options);
  if (options.RunsGlobal() || options.RunsLocal())
    RequireSet(options.global_redis, "--global-redis or --redis", options);
  if (options.RunsLocal() || options.RunsExtended())
    RequireSet(options.local_redis, "--local-redis or --redis", options);
}

void Validate(const Options &options) {
  ParseLogLevel(options.log_level);
  for (const std::string *url : {&options.database, &options.replication_database, &options.write_database}) {
    if (!url->empty()) DescribeDatabase(*url);
  }
  for (const std::string &url : options.replicas)
    DescribeDatabase(url);
  for (const std::string *url : {&options.global_redis, &options.local_redis}) {
    if (!url->empty()) ParseRedisUrl(*url);
  }
  if (options.write_database.empty() && !options.write_anonymous_role.empty())
    throw ConfigError("write-anonymous-role needs write-database");
  const bool tokens = !options.jwks.empty() || !options.jwt_secret_file.empty();
  if (!tokens && (!options.jwt_audience.empty() || !options.jwt_issuer.empty()))
    throw ConfigError("jwt-audience and jwt-issuer need jwks or jwt-secret-file");
  if (!IsSlotName(options.slot)) throw ConfigError("slot must be 1 to 63 lower case letters, digits and underscores");
  if (!IsPrefix(options.cluster) || options.cluster.find(':') != std::string::npos)
    throw ConfigError("cluster must be 1 to 63 letters, digits and characters of _-.");
  if (!IsPrefix(options.prefix)) throw ConfigError("prefix must be 1 to 63 letters, digits and characters of _-.:");
}

/// The first line of the file: editors and `echo` end it with a line end that is no part of the password.
std::string ReadPassword(const std::string &path) {
  std::ifstream file(path);
  std::string password;
  if (!file || !std::getline(file, password)) throw ConfigError("cannot read a password from " + path);
  if (!password.empty() && password.back() == '\r') password.pop_back();
  if (password.empty()) throw ConfigError("the first line of " + path + " is empty");
  return password;
}

/// Replaces a URL by the same one with the password of a file, where a file is named.
template <typename WithPassword>
void AddPassword(std::string &url, const std::string &path, const char *url_option, WithPassword with_password) {
  if (path.empty()) return;
  const std::string option = std::string(url_option) + "-password-file";
  if (url.empty()) throw ConfigError(option + " needs " + url_option);
  try {
    url = with_password(url, ReadPassword(path));
  } catch (const ConfigError &error) {
    throw ConfigError(option + ": " + error.what());
  }
}

/// Before one URL takes the place of another that is not given: the password belongs to the URL.
void AddPasswords(Raw &raw, Options &options) {
  AddPassword(options.database, raw.database_password_file, "--database", WithDatabasePassword);
  AddPassword(options.replication_database, raw.replication_database_password_file, "--replication-database",
              WithDatabasePassword);
  AddPassword(options.write_database, raw.write_database_password_file, "--write-database", WithDatabasePassword);
  AddPassword(raw.redis, raw.redis_password_file, "--redis", WithRedisPassword);
  AddPassword(options.global_redis, raw.global_redis_password_file, "--global-redis", WithRedisPassword);
  AddPassword(options.local_redis, raw.local_redis_password_file, "--local-redis", WithRedisPassword);
}

void Resolve(Raw &raw, CommandLine &command) {
  Options &options = command.options;
  const bool check = raw.mode == "check-config";
  if (!check && !raw.checked_mode.empty()) throw ConfigError("unexpected argument \"" + raw.checked_mode + "\"");
  const auto other = ParseCommand(raw.mode);
  command.action = other.value_or(check ? CommandLine::Action::kCheckConfig : CommandLine::Action::kRun);
  command.connect = raw.connect;
  if (!other) {
    options.mode =
        check ? (raw.checked_mode.empty() ? Mode::kAbsolute : ParseMode(raw.checked_mode)) : ParseMode(raw.mode);
  }
  AddPasswords(raw, options);
  if (options.replication_database.empty()) options.replication_database = options.database;
  if (options.global_redis.empty()) options.global_redis = raw.redis;
  if (options.local_redis.empty()) options.local_redis = raw.redis;
  ParseListen("listen", raw.listen, options.listen_address, options.listen_port);
  if (!raw.metrics_listen.empty())
    ParseListen("metrics-listen", raw.metrics_listen, options.metrics_address, options.metrics_port);
  RequireAtLeastOne(raw.stream_max_entries, "stream-max-entries");
  RequireAtLeastOne(raw.stream_max_bytes, "stream-max-bytes");
  RequireAtLeastOne(raw.stream_max_age_seconds, "stream-max-age-seconds");
  RequireAtLeastOne(raw.lease_seconds, "lease-seconds");
  RequireAtLeastOne(raw.local_stream_max_entries, "local-stream-max-entries");
  RequireAtLeastOne(raw.local_stream_max_bytes, "local-stream-max-bytes");
  RequireAtLeastOne(raw.heartbeat_seconds, "heartbeat-seconds");
  RequireAtLeastOne(raw.item_ttl_seconds, "item-ttl-seconds");
  RequireAtLeastOne(raw.missing_ttl_seconds, "missing-ttl-seconds");
  RequireAtLeastOne(raw.max_connections, "max-connections");
  RequireAtLeastOne(raw.live_buffer, "live-buffer");
  if (raw.live_limit_address < 0) throw ConfigError("live-limit-address must not be negative");
  if (raw.live_limit_client < 0) throw ConfigError("live-limit-client must not be negative");
  if (raw.jwt_clock_skew_seconds < 0 || raw.jwt_clock_skew_seconds > kMostClockSkewSeconds)
    throw ConfigError("jwt-clock-skew-seconds must be 0 to " + std::to_string(kMostClockSkewSeconds));
  if (raw.memory_cache_bytes < 0) throw ConfigError("memory-cache-bytes must not be negative");
  if (raw.coherence_interval_seconds < 0) throw ConfigError("coherence-interval-seconds must not be negative");
  RequireAtLeastOne(raw.coherence_items_per_second, "coherence-items-per-second");
  RequireWithin(raw.search_timeout_milliseconds, kLongestStatementMilliseconds, "search-timeout-milliseconds");
  RequireWithin(raw.search_connections, kMostConnections, "search-connections");
  RequireWithin(raw.write_timeout_milliseconds, kLongestStatementMilliseconds, "write-timeout-milliseconds");
  RequireWithin(raw.write_connections, kMostConnections, "write-connections");
  options.write_timeout = std::chrono::milliseconds(raw.write_timeout_milliseconds);
  options.write_connections = static_cast<std::uint64_t>(raw.write_connections);
  options.jwt_clock_skew = std::chrono::seconds(raw.jwt_clock_skew_seconds);
  options.search_timeout = std::chrono::milliseconds(raw.search_timeout_milliseconds);
  options.search_connections = static_cast<std::uint64_t>(raw.search_connections);
  options.coherence_interval = std::chrono::seconds(raw.coherence_interval_seconds);
  options.coherence_items_per_second = static_cast<std::uint64_t>(raw.coherence_items_per_second);
  options.stream_max_entries = static_cast<std::uint64_t>(raw.stream_max_entries);
  options.stream_max_bytes = static_cast<std::uint64_t>(raw.stream_max_bytes);
  options.stream_max_age = std::chrono::seconds(raw.stream_max_age_seconds);
  options.lease = std::chrono::seconds(raw.lease_seconds);
  options.local_stream_max_entries = static_cast<std::uint64_t>(raw.local_stream_max_entries);
  options.local_stream_max_bytes = static_cast<std::uint64_t>(raw.local_stream_max_bytes);
  options.heartbeat = std::chrono::seconds(raw.heartbeat_seconds);
  options.item_ttl = std::chrono::seconds(raw.item_ttl_seconds);
  options.missing_ttl = std::chrono::seconds(raw.missing_ttl_seconds);
  options.max_connections = static_cast<std::uint64_t>(raw.max_connections);
  options.memory_cache_bytes = static_cast<std::uint64_t>(raw.memory_cache_bytes);
  options.live_limit_address = static_cast<std::uint64_t>(raw.live_limit_address);
  options.live_limit_client = static_cast<std::uint64_t>(raw.live_limit_client);
  options.live_buffer = static_cast<std::uint64_t>(raw.live_buffer);
  if (other)
    ResolveCommand(*other, raw.command, options);
  else
    ValidateMode(options);
  Validate(options);
}

/// CLI11 reads the file before it looks at the environment, so the file's own variable is turned into the flag here.
std::vector<const char *> WithConfigFromEnvironment(int argc, const char *const *argv) {
  std::vector<const char *> arguments(argv, argv + argc);
  const auto names_file = [](std::string_view argument) {
    return argument == kConfigFlag || argument.substr(0, kConfigFlag.size() + 1) == std::string(kConfigFlag) + '=';
  };
  const char *const file = std::getenv(kConfigVariable);
  if (file == nullptr || *file == '\0' || std::any_of(arguments.begin(), arguments.end(), names_file)) return arguments;
  arguments.insert(arguments.end(), {kConfigFlag.data(), file});
  return arguments;
}

} // namespace

const char *ModeName(Mode mode) { return kModeNames.at(static_cast<std::size_t>(mode)); }

CommandLine ParseCommandLine(int argc, const char *const *argv) {
  CommandLine command;
  Options &options = command.options;
  Raw raw;
  raw.listen = options.listen_address + ':' + std::to_string(options.listen_port);
  raw.stream_max_entries = static_cast<std::int64_t>(options.stream_max_entries);
  raw.stream_max_bytes = static_cast<std::int64_t>(options.stream_max_bytes);
  raw.stream_max_age_seconds = options.stream_max_age.count();
  raw.lease_seconds = options.lease.count();
  raw.local_stream_max_entries = static_cast<std::int64_t>(options.local_stream_max_entries);
  raw.local_stream_max_bytes = static_cast<std::int64_t>(options.local_stream_max_bytes);
  raw.heartbeat_seconds = options.heartbeat.count();
  raw.item_ttl_seconds = options.item_ttl.count();
  raw.missing_ttl_seconds = options.missing_ttl.count();
  raw.max_connections = static_cast<std::int64_t>(options.max_connections);
  raw.memory_cache_bytes = static_cast<std::int64_t>(options.memory_cache_bytes);
  raw.live_buffer = static_cast<std::int64_t>(options.live_buffer);
  raw.jwt_clock_skew_seconds = options.jwt_clock_skew.count();
  raw.coherence_interval_seconds = options.coherence_interval.count();
  raw.search_timeout_milliseconds = options.search_timeout.count();
  raw.search_connections = static_cast<std::int64_t>(options.search_connections);
  raw.write_timeout_milliseconds = options.write_timeout.count();
  raw.write_connections = static_cast<std::int64_t>(options.write_connections);
  raw.coherence_items_per_second = static_cast<std::int64_t>(options.coherence_items_per_second);

  CLI::App app("Carries committed rows from PostgreSQL through Redis to clients.", "itemize-sidecar");
  Declare(app, options, raw);
  try {
    const auto arguments = WithConfigFromEnvironment(argc, argv);
    app.parse(static_cast<int>(arguments.size()), arguments.data());
  } catch (const CLI::CallForHelp &) {
    command.action = CommandLine::Action::kShow;
    command.text = app.help();
    return command;
  } catch (const CLI::CallForVersion &) {
    command.action = CommandLine::Action::kShow;
    command.text = app.version() + "\n";
    return command;
  } catch (const CLI::ParseError &error) {
    throw ConfigError(error.what());
  }
  Resolve(raw, command);
  return command;
}

} // namespace itemize::sidecar
