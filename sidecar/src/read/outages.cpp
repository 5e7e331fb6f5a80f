// When a backend counts as gone, and when it is back.
#include "read/item_reader.hpp"

namespace itemize::sidecar::read {

namespace {

/// Keys in one step: about a millisecond of Redis.
constexpr std::size_t kForgottenAtOnce = 500;

} // namespace

bool ItemReader::IsAboutTheQuestion(const PostgresError &error) {
  constexpr std::string_view kClassDataException = "22";
  return error.sqlstate().compare(0, kClassDataException.size(), kClassDataException) == 0;
}

bool ItemReader::IsRefusal(const PostgresError &error) {
  // insufficient_privilege, undefined_function, undefined_table, invalid_schema_name: grants or the extension are
  // missing
  for (const std::string_view state : {"42501", "42883", "42P01", "3F000"}) {
    if (error.sqlstate() == state) return true;
  }
  return false;
}

bool ItemReader::IsOutage(const PostgresError &error) {
  if (error.sqlstate().empty()) return true; // the connection's own errors have none
  // connection_exception, insufficient_resources, operator_intervention by shutdown and start-up
  for (const std::string_view state : {"08", "53", "57P"}) {
    if (error.sqlstate().compare(0, state.size(), state) == 0) return true;
  }
  return false;
}

void ItemReader::NoteRefusal(const PostgresError &error) {
  if (!backends_.database_refusal.Failed()) return;
  backends_.services.log.Error(
      "database_refuses",
      {{"part", "extended"},
       {"error", error.what()},
       {"sqlstate", error.sqlstate()},
       {"hint",
        "in that database: CREATE EXTENSION itemize CASCADE; GRANT USAGE ON SCHEMA itemize TO …; GRANT SELECT ON "
        "itemize.definitions TO …; GRANT EXECUTE ON FUNCTION itemize.fetch(text, text[]), "
        "itemize.list(text, integer, text) TO …;"}});
}

void ItemReader::NoteRedis(const char *error) {
  if (error == nullptr) {
    if (backends_.redis_outage.Works()) backends_.services.log.Info("redis_back", {{"part", "extended"}});
  } else if (backends_.redis_outage.Failed()) {
    backends_.services.log.Warning("redis_gone", {{"part", "extended"}, {"error", error}});
  }
}

void ItemReader::NoteRedisFull(const char *error) {
  if (error == nullptr) {
    if (backends_.redis_full.Works()) backends_.services.log.Info("redis_has_room", {{"part", "extended"}});
  } else if (backends_.redis_full.Failed()) {
    backends_.services.log.Warning(
        "redis_full", {{"part", "extended"},
                       {"error", error},
                       {"consequence", "items that are not held come from the database each time"},
                       {"hint", "raise maxmemory, lower --item-ttl-seconds, or set maxmemory-policy volatile-lru"}});
  }
}

void ItemReader::NoteDatabase(const char *error) {
  if (error == nullptr) {
    if (backends_.database_outage.Works()) backends_.services.log.Info("database_back", {{"part", "extended"}});
  } else if (backends_.database_outage.Failed()) {
    backends_.services.log.Warning("database_gone", {{"part", "extended"}, {"error", error}});
  }
}

void ItemReader::NoteReplica(Replica &replica, const char *error) {
  if (error == nullptr) {
    if (replica.outage.Works())
      backends_.services.log.Info("replica_back", {{"part", "extended"}, {"database", DescribeDatabase(replica.url)}});
  } else if (replica.outage.Failed()) {
    backends_.services.log.Warning(
        "replica_gone", {{"part", "extended"}, {"database", DescribeDatabase(replica.url)}, {"error", error}});
  }
}

void ItemReader::Probe() {
  WithRedis([this](RedisConnection &redis) {
    redis.Command({"PING"});
    while (const auto due = backends_.shown_uncached.DueOfAny(kForgottenAtOnce)) {
      if (backends_.stop.stopped()) return;
      Forget(redis, *due);
    }
  });
  WithDatabase([](PostgresConnection &database) { database.Query("SELECT 1"); });
}

} // namespace itemize::sidecar::read
