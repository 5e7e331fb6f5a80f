#include "global/stream_watch.hpp"

#include "global/report_text.hpp"
#include "global/trim_rules.hpp"
#include "redis/endpoint.hpp"
#include "redis/script.hpp"

#include <limits>
#include <utility>

namespace itemize::sidecar {
namespace {

constexpr std::chrono::milliseconds kLookInterval{1000};
/// Each report is a small transaction: on a quiet database there is hardly any.
constexpr std::chrono::seconds kReportInterval{5};
constexpr std::chrono::seconds kQuietReportInterval{300};
/// A cluster that has been silent for so long is forgotten.
constexpr double kForgottenSeconds = 86400;
constexpr std::size_t kManyMarks = 1000;

const RedisScript &TrimScript() {
  static const RedisScript script(R"lua(
-- KEYS: owner, epoch, stream, marks, clusters, groups
-- ARGV: token, epoch, least id that stays, number of clusters to forget, these, then groups and copies to forget
if redis.call('GET', KEYS[1]) ~= ARGV[1] or redis.call('GET', KEYS[2]) ~= ARGV[2] then return 0 end
local clusters = tonumber(ARGV[4])
for i = 5, #ARGV do redis.call('HDEL', i <= 4 + clusters and KEYS[5] or KEYS[6], ARGV[i]) end
local trimmed = redis.call('XTRIM', KEYS[3], 'MINID', ARGV[3])
-- The mark before the first entry tells what is gone.
local mark = redis.call('XREVRANGE', KEYS[4], '(' .. ARGV[3], '-', 'COUNT', 1)
if mark[1] then redis.call('XTRIM', KEYS[4], 'MINID', mark[1][1]) end
return trimmed
)lua");
  return script;
}

} // namespace

StreamWatch::StreamWatch(const Options &options, Services &services, OwnedStream &owned, StopToken stop)
    : options_(options), services_(services), owned_(owned), stop_(std::move(stop)), keys_(options.prefix),
      report_(options, services, stop_),
      retained_(services.metrics.Gauge("itemize_slot_retained_bytes", "WAL that the server keeps because of the slot")),
      safe_(services.metrics.Gauge("itemize_slot_safe_bytes",
                                   "WAL that may be written before the slot is in danger; +Inf without a limit")),
      slot_lag_(services.metrics.Gauge("itemize_slot_lag_bytes", "WAL written but not confirmed by the slot's reader")),
      entries_(services.metrics.Gauge("itemize_stream_entries", "Entries in the global stream")),
      bytes_(services.metrics.Gauge("itemize_stream_bytes", "Bytes of the entries in the global stream, about")),
      oldest_(services.metrics.Gauge("itemize_stream_oldest_seconds", "Age of the global stream's oldest entry")),
      clusters_(services.metrics.Gauge("itemize_clusters", "Clusters that report themselves")),
      trimmed_(services.metrics.Counter("itemize_stream_trimmed_entries_total", "Entries trimmed from the stream")) {}

void StreamWatch::Run() {
  const auto guarded = [&](const char *what, auto look, auto &connection) {
    try {
      look();
    } catch (const Stopped &) {
      throw;
    } catch (const std::exception &error) {
      connection.reset();
      services_.log.Debug("watch_interrupted", {{"of", what}, {"error", error.what()}});
    }
  };
  try {
    while (!stop_.WaitFor(kLookInterval)) {
      guarded(
          "slot", [this] { LookAtSlot(); }, database_);
      guarded(
          "stream", [this] { LookAtStream(); }, redis_);
    }
  } catch (const Stopped &) {
    // as asked
  }
}

void StreamWatch::LookAtSlot() {
  if (!database_) {
    PostgresSettings settings;
    settings.application_name = "itemize-watch";
    database_.emplace(options_.database, settings, stop_);
  }
  const auto health = ReadSlotHealth(*database_, options_.slot);
  if (!health) return;
  retained_.Set(static_cast<double>(health->retained));
  safe_.Set(health->safe ? static_cast<double>(*health->safe) : std::numeric_limits<double>::infinity());
  slot_lag_.Set(static_cast<double>(health->lag_bytes()));
}

void StreamWatch::LookAtStream() {
  const auto claim = owned_.Get();
  if (!claim) {
    redis_.reset();
    RemoveOthers(); // another publisher measures them
    return;
  }
  if (!redis_) redis_.emplace(ParseRedisUrl(options_.global_redis));
  const auto picture = ReadStreamPicture(*redis_, keys_);
  if (!picture || FormatEpoch(picture->epoch) != claim->epoch) return;
  Trim(*picture, *claim);
  Measure(*picture);
  ReportIfDue(*picture, *claim);
}

void StreamWatch::Trim(const StreamPicture &picture, const OwnedStream::Claim &claim) {
  const TrimLimits limits{options_.stream_max_bytes, options_.stream_max_entries, options_.stream_max_age, claim.full};
  const Version point = TrimPoint(picture, limits);
  std::vector<std::string> forgotten;
  for (const StreamConsumer &cluster : picture.clusters) {
    if (picture.silent_seconds(cluster) < kForgottenSeconds) continue;
    services_.log.Info("cluster_forgotten", {{"cluster", cluster.name}});
    forgotten.push_back(cluster.name);
  }
  const std::string clusters = std::to_string(forgotten.size());
  for (const StreamConsumer &group : picture.groups) {
    if (KeepsStream(picture, group)) continue;
    services_.log.Info("group_forgotten", {{"group", group.name}});
    forgotten.push_back(group.name);
  }
  for (const StreamConsumer &copy : picture.copies) {
    if (!IsLive(picture, copy)) forgotten.push_back(copy.name);
  }
  // What a publication has trimmed by the number of entries leaves its marks behind.
  const bool many_marks = picture.marks.size() > kManyMarks;
  if (point <= picture.first && forgotten.empty() && !many_marks) return;
  const std::string id = FormatVersion(std::max(point, picture.first));
  RedisArguments arguments = {claim.token, claim.epoch, id, clusters};
  arguments.insert(arguments.end(), forgotten.begin(), forgotten.end());
  const Reply trimmed =
      TrimScript().Run(*redis_,
                       {keys_.Owner(), keys_.Epoch(), keys_.Stream(claim.epoch), keys_.Marks(claim.epoch),
                        keys_.Clusters(claim.epoch), keys_.Groups(claim.epoch)},
                       arguments);
  trimmed_.Increment(static_cast<double>(trimmed.Integer()));
}

void StreamWatch::Measure(const StreamPicture &picture) {
  entries_.Set(static_cast<double>(picture.length));
  bytes_.Set(static_cast<double>(picture.held_bytes()));
  oldest_.Set(picture.oldest_seconds());
  const auto lag = [&](const StreamConsumer &consumer) { return static_cast<double>(picture.lag_bytes(consumer)); };
  double live = 0;
  for (const StreamConsumer &cluster : picture.clusters) {
    if (IsLive(picture, cluster)) live += 1;
    const Metrics::Labels labels = {{"cluster", cluster.name}};
    MeasureConsumer("itemize_cluster_lag_bytes", "WAL between the end of the stream and what a cluster has applied",
                    labels, lag(cluster));
    MeasureConsumer("itemize_cluster_silent_seconds", "Time since a cluster reported what it has applied", labels,
                    picture.silent_seconds(cluster));
  }
  clusters_.Set(live);
  for (const StreamConsumer &group : picture.groups) {
    MeasureConsumer("itemize_group_lag_bytes",
                    "WAL between the end of the stream and what a consumer group has acknowledged",
                    {{"group", group.name}}, lag(group));
  }
  RemoveOthers();
}

void StreamWatch::MeasureConsumer(const std::string &metric, const std::string &help, const Metrics::Labels &labels,
                                  double value) {
  services_.metrics.Gauge(metric, help, labels).Set(value);
  measured_.emplace(metric, labels);
}

void StreamWatch::RemoveOthers() {
  for (const auto &[metric, labels] : shown_) {
    if (measured_.count({metric, labels}) == 0) services_.metrics.RemoveGauge(metric, labels);
  }
  shown_ = std::exchange(measured_, {});
}

void StreamWatch::ReportIfDue(const StreamPicture &picture, const OwnedStream::Claim &claim) {
  const auto since = Clock::now() - last_report_;
  if (since < kReportInterval) return;
  const std::string essence = ReportEssence(picture);
  if (!claim.report_due && essence == reported_ && since < kQuietReportInterval) return;
  if (claim.report_due && report_.Stream(claim.epoch)) owned_.SetReportDue(claim.epoch, false);
  reported_ = report_.Clusters(ReportJson(picture, options_.slot)) ? essence : std::string();
  last_report_ = Clock::now();
}

} // namespace itemize::sidecar
