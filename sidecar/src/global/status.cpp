#include "global/status.hpp"

#include "base/errors.hpp"
#include "global/slot_health.hpp"
#include "global/trim_rules.hpp"
#include "redis/endpoint.hpp"

#include <cstdlib>
#include <iomanip>
#include <sstream>

namespace itemize::sidecar {
namespace {

std::string Bytes(std::uint64_t bytes) {
  constexpr const char *kUnits[] = {"B", "kB", "MB", "GB", "TB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  std::ostringstream text;
  text << std::fixed << std::setprecision(unit == 0 ? 0 : 1) << value << ' ' << kUnits[unit];
  return text.str();
}

std::string Seconds(double seconds) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(1) << seconds << " s";
  return text.str();
}

class Page {
public:
  explicit Page(std::ostream &out) : out_(out) {}

  void Line(const std::string &part, const std::string &name, const std::string &state, const std::string &detail) {
    out_ << std::left << std::setw(8) << part << ' ' << std::setw(32) << name << ' ' << std::setw(10) << state << ' '
         << detail << '\n';
  }
  void Do(const std::string &what) {
    out_ << "         -> " << what << '\n';
    well_ = false;
  }
  /// A server cannot be asked: the page is not whole.
  void Fail(const std::string &what) {
    Do(what);
    failed_ = true;
  }
  [[nodiscard]] bool well() const { return well_; }
  [[nodiscard]] bool failed() const { return failed_; }

private:
  std::ostream &out_;
  bool well_ = true;
  bool failed_ = false;
};

struct Pause {
  std::string by;
  std::string until;
  std::string reason;
};

std::optional<Pause> ReadPause(PostgresConnection &database) {
  // What has been cut loose from its extension has no such function, and is not paused either. Who may not look into
  // the schema is told the rest.
  const PostgresResult known = database.Query("SELECT CASE WHEN pg_catalog.has_schema_privilege(n.oid, 'USAGE') "
                                              "THEN pg_catalog.to_regprocedure('itemize.paused()') END "
                                              "FROM pg_catalog.pg_namespace n WHERE n.nspname = 'itemize'");
  if (known.rows() == 0 || known.IsNull(0, 0)) return std::nullopt;
  const PostgresResult pause = database.Query(
      "SELECT by, pg_catalog.date_trunc('second', until), coalesce(': ' || reason, '') FROM itemize.paused()");
  if (pause.rows() == 0) return std::nullopt;
  return Pause{std::string(pause.Text(0, 0)), std::string(pause.Text(0, 1)), std::string(pause.Text(0, 2))};
}

void PrintPause(Page &page, const Pause &pause) {
  page.Line("pause", pause.by, "paused", "until " + pause.until + " at the latest" + pause.reason);
  page.Do("SELECT itemize.resume() when the stream shall go on");
}

void PrintSlot(Page &page, const Options &options) {
  std::optional<SlotHealth> health;
  std::optional<Pause> pause;
  try {
    StopSource never;
    PostgresConnection database(options.database, {}, never.token());
    health = ReadSlotHealth(database, options.slot);
    pause = ReadPause(database);
  } catch (const PostgresError &error) {
    page.Line("slot", options.slot, "unknown", error.what());
    return page.Fail("look at the database, and at --database");
  }
  if (!health) {
    page.Line("slot", options.slot, "missing", "");
    page.Do("start the global sidecar: it makes the slot");
    if (pause) PrintPause(page, *pause);
    return;
  }
  const bool lost = health->wal_status == "lost";
  const bool endangered = health->wal_status == "unreserved";
  const bool behind = health->lag_bytes() > kMuchLag;
  page.Line("slot", options.slot,
            lost              ? "lost"
            : endangered      ? "endangered"
            : !health->active ? "not read"
            : behind          ? "behind"
                              : "ok",
            "confirmed " + FormatPgLsn(health->confirmed) + ", " + Bytes(health->lag_bytes()) + " behind; holds back " +
                Bytes(health->retained) + " of WAL, " + (health->safe ? Bytes(*health->safe) : "any amount") +
                " more before it is in danger");
  if (lost) page.Do("start the global sidecar: it makes the slot anew, and clusters resync");
  if (endangered) page.Do("look at the global sidecar now, or raise max_slot_wal_keep_size");
  if (!lost && !endangered && !health->active) page.Do("start the global sidecar");
  if (!lost && !endangered && health->active && behind && !pause)
    page.Do("see the log of the global sidecar: it does not keep up");
  if (pause) PrintPause(page, *pause);
}

void PrintConsumer(Page &page, const StreamPicture &picture, const StreamConsumer &consumer, bool cluster) {
  const double silent = picture.silent_seconds(consumer);
  const std::uint64_t lag = picture.lag_bytes(consumer);
  const bool late = IsLate(picture, consumer);
  page.Line(cluster ? "cluster" : "group", consumer.name,
            !late                       ? lag > kMuchLag ? "behind" : "ok"
            : !cluster                  ? "idle"
            : IsLive(picture, consumer) ? "late"
                                        : "silent",
            "at " + FormatPgLsn(consumer.position.commit_lsn) + ", " + Bytes(lag) + " behind; heard of " +
                Seconds(silent) + " ago");
  if (!cluster) return;
  if (late) page.Do("start its local sidecar; a cluster that is gone for good is forgotten after a day");
  if (!late && lag > kMuchLag) page.Do("see the log of its local sidecar: it does not keep up");
}

void PrintStream(Page &page, const Options &options) {
  std::optional<StreamPicture> picture;
  try {
    RedisConnection redis(ParseRedisUrl(options.global_redis));
    picture = ReadStreamPicture(redis, GlobalKeys(options.prefix));
  } catch (const RedisError &error) {
    page.Line("stream", "", "unknown", error.what());
    return page.Fail("look at the global Redis, and at --global-redis");
  }
  if (!picture) {
    page.Line("stream", "", "missing", "the global Redis holds none with prefix " + options.prefix);
    return page.Do("start the global sidecar; compare --prefix and --global-redis");
  }
  page.Line("stream", FormatEpoch(picture->epoch), picture->owned ? "ok" : "standing",
            "published " + FormatPgLsn(picture->last.commit_lsn) + "; " + std::to_string(picture->length) +
                " entries, " + Bytes(picture->held_bytes()) + ", the oldest " + Seconds(picture->oldest_seconds()));
  if (!picture->owned) page.Do("nobody publishes: start the global sidecar, or see its log");
  for (const StreamConsumer &cluster : picture->clusters)
    PrintConsumer(page, *picture, cluster, true);
  for (const StreamConsumer &group : picture->groups)
    PrintConsumer(page, *picture, group, false);
}

} // namespace

int PrintStatus(const Options &options, std::ostream &out) {
  Page page(out);
  PrintSlot(page, options);
  PrintStream(page, options);
  if (page.well()) out << "all is well\n";
  if (page.failed()) return kExitFailure;
  return page.well() ? EXIT_SUCCESS : kExitFound;
}

} // namespace itemize::sidecar
