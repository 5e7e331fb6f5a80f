// When a backend counts as gone, and when it is back.
#include "read/item_reader.hpp"

namespace itemize::sidecar::read {

namespace {

/// Keys in one step: about a millisecond of Redis.
constexpr std::size_t kForgottenAtOnce = 500;

} // namespace

void ItemReader::NoteRefusal(const PostgresError &error) {
  if (!backends_.database_refusal.Failed()) return;
  backends_.services.log.Error(
      "database_refuses",
      {{"part", kPart},
       {"error", error.what()},
       {"sqlstate", error.sqlstate()},
       {"hint",
        "in that database: CREATE EXTENSION itemize CASCADE; GRANT USAGE ON SCHEMA itemize TO …; GRANT SELECT ON "
        "itemize.definitions TO …; GRANT EXECUTE ON FUNCTION itemize.fetch(text, text[]), "
        "itemize.list(text, integer, text) TO …;"}});
}

void ItemReader::NoteRedis(const char *error) {
  if (error == nullptr) {
    if (backends_.redis_outage.Works()) backends_.services.log.Info("redis_back", {{"part", kPart}});
  } else if (backends_.redis_outage.Failed()) {
    backends_.services.log.Warning("redis_gone", {{"part", kPart}, {"error", error}});
  }
}

void ItemReader::NoteRedisFull(const char *error) {
  if (error == nullptr) {
    if (backends_.redis_full.Works()) backends_.services.log.Info("redis_has_room", {{"part", kPart}});
  } else if (backends_.redis_full.Failed()) {
    backends_.services.log.Warning(
        "redis_full", {{"part", kPart},
                       {"error", error},
                       {"consequence", "items that are not held come from the database each time"},
                       {"hint", "raise maxmemory, lower --item-ttl-seconds, or set maxmemory-policy volatile-lru"}});
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
