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

/// Below this, WAL that is not confirmed is what the last seconds wrote.
constexpr std::uint64_t kMuchLag = std::uint64_t{64} << 20U;
/// A publisher's or a cluster's report is older than this only when something is wrong.
constexpr double kLateSeconds = 15;

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

void PrintSlot(Page &page, const Options &options) {
  std::optional<SlotHealth> health;
  try {
    StopSource never;
    PostgresConnection database(options.database, {}, never.token());
    health = ReadSlotHealth(database, options.slot);
  } catch (const PostgresError &error) {
    page.Line("slot", options.slot, "unknown", error.what());
    return page.Fail("look at the database, and at --database");
  }
  if (!health) {
    page.Line("slot", options.slot, "missing", "");
    return page.Do("start the global sidecar: it makes the slot");
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
  if (!lost && !endangered && health->active && behind)
    page.Do("see the log of the global sidecar: it does not keep up");
}

void PrintConsumer(Page &page, const StreamPicture &picture, const StreamConsumer &consumer, bool cluster) {
  const double silent = picture.silent_seconds(consumer);
  const std::uint64_t lag = picture.lag_bytes(consumer);
  const bool late = silent > kLateSeconds;
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
