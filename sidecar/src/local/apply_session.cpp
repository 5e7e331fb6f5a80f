#include "local/apply_session.hpp"

#include "base/clock.hpp"
#include "redis/endpoint.hpp"

#include <utility>

namespace itemize::sidecar {
namespace {

/// Bounds how late a stop, or a new epoch, is noticed while the stream is silent.
constexpr std::chrono::milliseconds kLongestRead{500};
/// Batches that the local Redis has not answered: it works on one while the next is made.
constexpr std::size_t kMostUnderWay = 2;
/// While a sweep has work left it gets a step after each such wait.
constexpr std::chrono::milliseconds kReadWhileSweeping{10};
constexpr std::chrono::milliseconds kEpochPollInterval{50};
constexpr std::chrono::milliseconds kReportInterval{1000};
constexpr std::string_view kFellBehind = "fell_behind";

} // namespace

ApplyMetrics::ApplyMetrics(Metrics &metrics)
    : pieces(metrics.Counter("itemize_applied_pieces_total", "Pieces applied to the local copy")),
      bytes(metrics.Counter("itemize_applied_bytes_total", "Bytes of the pieces applied to the local copy")),
      changes(metrics.Counter("itemize_applied_changes_total", "Changes in the pieces applied to the local copy")),
      touched(metrics.Counter("itemize_applied_held_total", "Changes applied that met a held item or a fill")),
      merged(metrics.Counter("itemize_merges_total",
                             "Rows with members absent from the event, by whether the held copy completed them",
                             {{"result", "merged"}})),
      unmerged(metrics.Counter("itemize_merges_total",
                               "Rows with members absent from the event, by whether the held copy completed them",
                               {{"result", "dropped"}})),
      malformed(metrics.Counter("itemize_malformed_pieces_total", "Pieces set aside because they cannot be carried on",
                                {{"part", "local"}})),
      lag(metrics.Gauge("itemize_apply_lag_seconds", "Commit to application, of the newest transaction applied")),
      lag_bytes(metrics.Gauge("itemize_apply_lag_bytes", "WAL between the end of the stream and what is applied")),
      stream_entries(metrics.Gauge("itemize_local_stream_entries", "Entries in the local stream")),
      stream_bytes(metrics.Gauge("itemize_local_stream_bytes", "Bytes of the entries in the local stream")) {}

ApplySession::ApplySession(const Options &options, Services &services, ApplyMetrics &metrics, StopToken stop)
    : options_(options), services_(services), metrics_(metrics), stop_(std::move(stop)),
      global_(ParseRedisUrl(options.global_redis), options.prefix),
      local_(ParseRedisUrl(options.local_redis), options) {}

void ApplySession::Run(const std::function<void()> &working) {
  const std::string policy = local_.HarmfulEviction();
  if (!policy.empty()) {
    services_.log.Warning("harmful_eviction",
                          {{"maxmemory_policy", policy},
                           {"consequence", "clients may miss changes once Redis evicts keys that have no expiry"},
                           {"hint", "in the local Redis: CONFIG SET maxmemory-policy volatile-lru"}});
  }
  tip_ = WaitForTip().last;
  if (const auto state = local_.ReadState()) {
    state_ = *state;
    if (!state_.of_this_server) {
      local_.DropItems(state_.name);
      services_.log.Info("items_dropped", {{"reason", "other_server"}});
    }
  } else {
    Resync("no_copy");
  }
  services_.log.Info(
      "applying",
      {{"epoch", FormatEpoch(state_.epoch)}, {"applied", FormatVersion(state_.applied)}, {"tip", FormatVersion(tip_)}});
  read_ = sent_ = state_.applied;
  while (true) {
    if (!global_.asked()) Ask();
    try {
      while (local_.in_flight() > 0 && !global_.AnswerWaits())
        Collect();
      RaiseComplete();
      ReleaseWhenCaughtUp(working);
      if (stop_.stopped()) return CollectAll();
      Take(global_.Receive());
      if (sweeping_) {
        CollectAll();
        sweeping_ = local_.Sweep();
      }
    } catch (const CopyDamaged &error) {
      services_.log.Error("copy_damaged", {{"error", error.what()}});
      Resync("copy_damaged");
    }
  }
}

void ApplySession::Ask() { global_.Ask(state_.epoch, read_, sweeping_ ? kReadWhileSweeping : kLongestRead); }

void ApplySession::ReleaseWhenCaughtUp(const std::function<void()> &working) {
  if (released_ || sent_ < tip_) return;
  CollectAll();
  local_.Release();
  released_ = true;
  working();
}

void ApplySession::Take(const StreamReader::Batch &batch) {
  if (const auto reason = ReasonToResync(batch)) {
    CollectAll();
    if (*reason != kFellBehind || !AdoptNewerState()) Resync(*reason);
    return;
  }
  if (batch.last) {
    metrics_.lag_bytes.Set(
        static_cast<double>(batch.last->commit_lsn - std::min(batch.last->commit_lsn, state_.applied.commit_lsn)));
  }
  if (batch.passed) passed_ = batch.passed;
  ReportIfDue(); // while nothing is asked of the global Redis
  if (batch.size() == 0) {
    CollectAll();
    // Deleted under us, and no entry would tell: readers wait for a copy.
    const auto held = local_.ReadState();
    if (!held) return Resync("no_copy");
    global_.FollowPassed(held->awaited);
    return;
  }
  if (const auto last = ParseVersion(batch.entry(batch.size() - 1)[0].Text())) {
    read_ = *last;
    Ask(); // the global Redis looks for the next entries while these are applied
  }
  if (const auto reason = Apply(batch)) Resync(*reason);
}

/// A heartbeat costs an entry and comes now and then; a fill from a standby cannot wait for it. While there are entries
/// to apply it waits for the last of them, which tells the same.
void ApplySession::RaiseComplete() {
  if (!passed_ || local_.in_flight() > 0 || sent_ < passed_->last) return;
  local_.RaiseComplete(state_.name, *passed_);
  passed_.reset();
}

bool ApplySession::AdoptNewerState() {
  const auto held = local_.ReadState();
  if (!held || held->epoch != state_.epoch || held->name != state_.name || !(state_.applied < held->applied))
    return false;
  state_ = *held;
  read_ = sent_ = state_.applied;
  return true;
}

void ApplySession::ReportIfDue() {
  const auto now = std::chrono::steady_clock::now();
  if (now - last_report_ < kReportInterval) return;
  last_report_ = now;
  CollectAll();
  // What the copy holds, not what this process has done: another applier may be ahead of it.
  const auto held = local_.ReadState();
  if (!held || held->epoch != state_.epoch) return;
  global_.FollowPassed(held->awaited);
  const bool shared = global_.Report(held->epoch, options_.cluster, held->applied, held->complete, held->name);
  if (shared && !name_shared_) {
    services_.log.Warning("cluster_name_shared",
                          {{"cluster", options_.cluster},
                           {"hint", "another copy goes by this name; give each cluster its own with --cluster"}});
  }
  name_shared_ = shared;
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
  local_.Settle();
  under_way_.clear();
  batch_ = ApplyBatch();
  if (global_.asked()) global_.Receive();
  global_.FollowPassed(false); // what it says is of the copy before
  passed_.reset();
  const StreamTip tip = WaitForTip();
  state_ = local_.Reset(tip);
  tip_ = read_ = sent_ = tip.last;
  sweeping_ = true;
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
  if (*batch.first > batch.after) return kFellBehind;
  if (*batch.last < batch.after) return "ahead_of_stream";
  return std::nullopt;
}

std::optional<std::string_view> ApplySession::Apply(const StreamReader::Batch &batch) {
  constexpr std::string_view kConsequence = "the copy is begun anew behind it";
  const auto malformed = [&](std::string_view id) {
    services_.log.Error("malformed_piece", {{"id", id}, {"consequence", kConsequence}});
    metrics_.malformed.Increment();
    return "malformed_piece";
  };
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const ReplyView entry = batch.entry(i);
    const std::string_view id = entry[0].Text();
    const ReplyView fields = entry[1];
    if (fields.size() != 2 || fields[0].Text() != kPieceField) return malformed(id);
    const std::string_view piece = fields[1].Text();
    if (piece.size() > local_.longest_piece()) {
      services_.log.Error("piece_too_large", {{"id", id}, {"bytes", piece.size()}, {"consequence", kConsequence}});
      return "piece_too_large";
    }
    ApplyBatch::Added added = batch_.Add(id, piece);
    for (; added == ApplyBatch::Added::kPart; added = batch_.Add(id, piece))
      Send();
    if (added == ApplyBatch::Added::kMalformed) return malformed(id);
    if (batch_.full()) Send();
  }
  if (!batch_.empty()) Send();
  return std::nullopt;
}

void ApplySession::Send() {
  while (local_.in_flight() >= kMostUnderWay)
    Collect();
  local_.Send(state_.name, sent_, batch_);
  sent_ = batch_.reached();
  under_way_.push_back({sent_, batch_.pieces(), batch_.bytes(), batch_.changes(), batch_.last_commit_time()});
  batch_.Clear();
}

void ApplySession::Collect() {
  const LocalStore::Applied applied = local_.Collect();
  const Sent sent = under_way_.front();
  under_way_.pop_front();
  state_.applied = sent.reached;
  metrics_.pieces.Increment(static_cast<double>(sent.pieces));
  metrics_.bytes.Increment(static_cast<double>(sent.bytes));
  metrics_.changes.Increment(static_cast<double>(sent.changes));
  metrics_.touched.Increment(static_cast<double>(applied.touched));
  metrics_.merged.Increment(static_cast<double>(applied.merged));
  metrics_.unmerged.Increment(static_cast<double>(applied.dropped));
  metrics_.stream_entries.Set(static_cast<double>(applied.stream_entries));
  metrics_.stream_bytes.Set(static_cast<double>(applied.stream_bytes));
  if (sent.last_commit_time > 0) metrics_.lag.Set(SecondsSince(sent.last_commit_time));
}

void ApplySession::CollectAll() {
  while (local_.in_flight() > 0)
    Collect();
}

} // namespace itemize::sidecar
