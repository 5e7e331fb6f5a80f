#include "local/apply_session.hpp"

#include "base/clock.hpp"
#include "redis/endpoint.hpp"

#include <utility>

namespace itemize::sidecar {
namespace {

/// Bounds how late a stop, or a new epoch, is noticed while the stream is silent.
constexpr std::chrono::milliseconds kLongestRead{500};
/// While a sweep has work left it gets a step after each such wait.
constexpr std::chrono::milliseconds kReadWhileSweeping{10};
constexpr std::chrono::milliseconds kEpochPollInterval{50};

} // namespace

ApplyMetrics::ApplyMetrics(Metrics &metrics)
    : pieces(metrics.Counter("itemize_applied_pieces_total", "Pieces applied to the local copy")),
      bytes(metrics.Counter("itemize_applied_bytes_total", "Bytes of the pieces applied to the local copy")),
      changes(metrics.Counter("itemize_applied_changes_total", "Changes in the pieces applied to the local copy")),
      touched(metrics.Counter("itemize_applied_held_total", "Changes applied that met a held item or a fill")),
      malformed(metrics.Counter("itemize_malformed_pieces_total", "Pieces set aside because they cannot be carried on",
                                {{"part", "local"}})),
      lag(metrics.Gauge("itemize_apply_lag_seconds", "Commit to application, of the newest transaction applied")) {}

ApplySession::ApplySession(const Options &options, Services &services, ApplyMetrics &metrics, StopToken stop)
    : services_(services), metrics_(metrics), stop_(std::move(stop)),
      global_(ParseRedisUrl(options.global_redis), options.prefix),
      local_(ParseRedisUrl(options.local_redis), options) {}

void ApplySession::Run(const std::function<void()> &working) {
  tip_ = WaitForTip().last;
  if (const auto state = local_.ReadState())
    state_ = *state;
  else
    Resync("no_copy");
  services_.log.Info(
      "applying",
      {{"epoch", FormatEpoch(state_.epoch)}, {"applied", FormatVersion(state_.applied)}, {"tip", FormatVersion(tip_)}});
  bool sweeping = local_.Sweep();
  while (true) {
    if (!released_ && tip_ <= state_.applied) {
      local_.Release();
      released_ = true;
      working();
    }
    if (stop_.stopped()) return;
    const StreamReader::Batch batch =
        global_.Read(state_.epoch, state_.applied, sweeping ? kReadWhileSweeping : kLongestRead);
    try {
      if (const auto reason = ReasonToResync(batch))
        Resync(*reason);
      else if (!ApplyEntries(batch))
        Resync("malformed_piece");
      else if (batch.size() == 0 && !local_.ReadState())
        Resync("no_copy"); // deleted under us, and no entry would tell: readers wait for a copy
    } catch (const CopyDamaged &error) {
      services_.log.Error("copy_damaged", {{"error", error.what()}});
      Resync("copy_damaged");
    }
    sweeping = local_.Sweep();
  }
}

StreamTip ApplySession::WaitForTip() {
  bool announced = false;
  while (true) {
    if (auto tip = global_.ReadTip()) return std::move(*tip);
    if (!announced) services_.log.Info("waiting_for_epoch");
    announced = true;
    if (stop_.WaitFor(kEpochPollInterval)) throw Stopped();
  }
}

void ApplySession::Resync(std::string_view reason) {
  const StreamTip tip = WaitForTip();
  state_ = local_.Reset(tip);
  tip_ = tip.last;
  released_ = false;
  services_.metrics
      .Counter("itemize_resyncs_total", "How often the local copy was begun anew", {{"reason", std::string(reason)}})
      .Increment();
  services_.log.Info("resynced", {{"reason", reason},
                                  {"epoch", FormatEpoch(state_.epoch)},
                                  {"applied", FormatVersion(state_.applied)},
                                  {"namespace", state_.name}});
}

std::optional<std::string_view> ApplySession::ReasonToResync(const StreamReader::Batch &batch) const {
  if (!batch.epoch || *batch.epoch != state_.epoch) return "epoch_changed";
  if (!batch.first || !batch.last) return "stream_missing";
  // Trimmed past us. The entry that we applied last is the proof that nothing in between is missing.
  if (*batch.first > state_.applied) return "fell_behind";
  if (*batch.last < state_.applied) return "ahead_of_stream";
  return std::nullopt;
}

bool ApplySession::ApplyEntries(const StreamReader::Batch &batch) {
  ApplyBatch pending;
  Version last = state_.applied;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const ReplyView entry = batch.entry(i);
    const std::string_view id = entry[0].Text();
    const auto version = ParseVersion(id);
    const ReplyView fields = entry[1];
    if (!version || fields.size() != 2 || fields[0].Text() != kPieceField || !pending.Add(id, fields[1].Text())) {
      services_.log.Error("malformed_piece", {{"id", id}, {"consequence", "the copy is begun anew behind it"}});
      metrics_.malformed.Increment();
      return false;
    }
    last = *version;
    if (!pending.full()) continue;
    Flush(pending, last);
    pending = ApplyBatch();
  }
  if (!pending.empty()) Flush(pending, last);
  return true;
}

void ApplySession::Flush(const ApplyBatch &batch, const Version &last) {
  const LocalStore::Applied applied = local_.Apply(state_.name, batch);
  state_.applied = last;
  metrics_.pieces.Increment(static_cast<double>(batch.pieces()));
  metrics_.bytes.Increment(static_cast<double>(batch.bytes()));
  metrics_.changes.Increment(static_cast<double>(batch.changes()));
  metrics_.touched.Increment(static_cast<double>(applied.touched));
  if (batch.last_commit_time() > 0) metrics_.lag.Set(SecondsSince(batch.last_commit_time()));
}

} // namespace itemize::sidecar
