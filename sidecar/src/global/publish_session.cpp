#include "global/publish_session.hpp"

#include "base/backoff.hpp"
#include "base/clock.hpp"
#include "global/piece_cut.hpp"
#include "global/piece_lines.hpp"
#include "postgres/refusals.hpp"
#include "redis/endpoint.hpp"

#include <utility>

namespace itemize::sidecar {
namespace {

/// One round trip to Redis carries about this much; Redis is busy with it for a few milliseconds.
constexpr std::size_t kBatchBytes = std::size_t{1} << 20U;
constexpr std::size_t kBatchEntries = 1000;

/// What committed this long ago is a backlog. Then, and when the batch before was sent less than kWaitForMore ago, a
/// batch smaller than kWorthwhileBytes waits once for more: a round trip for each message that a busy server sends
/// costs more than the messages do, and the writers on the same machine pay for it.
constexpr double kBacklogSeconds = 0.1;
constexpr std::size_t kWorthwhileBytes = std::size_t{64} << 10U;
constexpr std::chrono::milliseconds kWaitForMore{1};

/// Longest time that a confirmed position is kept back from the server.
constexpr std::chrono::milliseconds kStatusInterval{1000};
/// The server gives up on a silent receiver after wal_sender_timeout, by default a minute.
constexpr std::chrono::milliseconds kLongestSilence{5000};
/// Least time between two epochs begun because of malformed pieces.
constexpr std::chrono::milliseconds kGapPause{1000};
/// Between two looks at the end of a pause.
constexpr std::chrono::milliseconds kPausePollInterval{500};
/// Least time between two words of what has passed, while a cluster follows them: so much later than a standby near it
/// the cluster knows that it has come as far. And while none does.
constexpr std::chrono::milliseconds kPassInterval{10};
constexpr std::chrono::milliseconds kUnfollowedPassInterval{1000};
/// How soon an idle publisher notices that Redis, or its ownership, is gone.
constexpr std::chrono::milliseconds kOwnershipCheckInterval{1000};
/// How soon a publisher notices that Redis has room again.
constexpr std::chrono::milliseconds kLongestFullWait{1000};

} // namespace

PublishMetrics::PublishMetrics(Metrics &metrics)
    : pieces(metrics.Counter("itemize_published_pieces_total", "Pieces appended to the global stream")),
      bytes(metrics.Counter("itemize_published_bytes_total", "Bytes of the pieces appended to the global stream")),
      changes(metrics.Counter("itemize_published_changes_total", "Changes appended to the global stream")),
      transactions(metrics.Counter("itemize_published_transactions_total", "Transactions published to their end")),
      heartbeats(metrics.Counter("itemize_published_heartbeats_total", "Heartbeats appended to the global stream")),
      malformed(metrics.Counter("itemize_malformed_pieces_total", "Pieces set aside because they cannot be carried on",
                                {{"part", "global"}})),
      lag(metrics.Gauge("itemize_publish_lag_seconds", "Commit to publication, of the newest transaction published")),
      full(metrics.Gauge("itemize_stream_full", "1 while the global Redis has no room for entries")),
      owner(metrics.Gauge("itemize_slot_owner", "1 while this process holds the replication slot")) {}

PublishSession::PublishSession(const Options &options, Services &services, PublishMetrics &metrics, OwnedStream &owned,
                               const StopToken &stop, bool careful)
    : options_(options), services_(services), metrics_(metrics), owned_(owned), stop_(stop),
      // Redis first: while it is away nobody troubles the database.
      writer_(ParseRedisUrl(options.global_redis), options), database_(OpenDatabase(options, stop)),
      pause_(database_, services), report_(options, services, stop),
      check_interval_(std::min(kOwnershipCheckInterval, std::chrono::milliseconds(options.lease) / 3)) {
  ReadDefinitions(database_); // before a slot holds WAL back for a database that is not set up
  CheckExtension(database_);
  stream_ = OpenStream(options, database_, stop);
  CheckOneServer(database_, *stream_);
  const AcquiredSlot slot = AcquireSlot(*stream_, writer_, options, services, careful);
  if (careful) services.log.Warning("encoding_with_care", {{"slot", options.slot}});
  DecideEpoch(slot);
}

void PublishSession::DecideEpoch(const AcquiredSlot &slot) {
  const StreamWriter::Found found = writer_.Claim(stream_->connection().backend_pid());
  StreamStart start;
  start.epoch = found.epoch;
  start.last = found.last;
  start.passed = found.passed;
  start.system_identifier = slot.system.system_identifier;
  start.timeline = slot.system.timeline;
  start.slot_is_new = slot.is_new;
  start.reported = ReadReportedEpoch(database_);
  // Over the other connection, because the walsender streams by now, and after the claim, because until
  // then the previous owner may have moved both.
  const SlotState state = ReadSlot(database_, options_.slot);
  if (!state.exists) throw Error("the replication slot is gone, or --database is another server");
  start.confirmed = state.confirmed;
  start.flushed = ParsePgLsn(database_.Query("SELECT pg_catalog.pg_current_wal_flush_lsn()").Text(0, 0)).value_or(0);

  if (const auto reason = ReasonForNewEpoch(start)) {
    BeginEpoch(start, *reason);
  } else {
    epoch_ = *start.epoch;
    writer_.ContinueEpoch(epoch_);
    published_ = *start.last;
    owned_.Set({FormatEpoch(epoch_), writer_.token()});
    if (found.first) {
      replay_ = ReplayCheck([this](const Version &after) { return writer_.HeadersAfter(after); }, *found.first,
                            start.confirmed);
    }
    Report();
  }
  received_ = published_;
  confirmed_ = reported_ = complete_ = start.confirmed;
  wal_end_ = start.confirmed;
  services_.log.Info("streaming", {{"slot", options_.slot},
                                   {"epoch", FormatEpoch(epoch_)},
                                   {"from", FormatPgLsn(start.confirmed)},
                                   {"stream_last", FormatVersion(published_)}});
}

void PublishSession::BeginEpoch(const StreamStart &start, std::string_view reason) {
  passed_ = 0;
  epoch_ = NextEpoch(start, UnixSeconds());
  // Read after the slot began to stream: what is defined later comes as a change.
  writer_.BeginEpoch(epoch_, start.epoch, start.confirmed, ReadDefinitions(database_));
  if (published_.commit_lsn < start.confirmed) published_ = {start.confirmed, 0};
  services_.log.Info("epoch_begun", {{"epoch", FormatEpoch(epoch_)},
                                     {"reason", reason},
                                     {"previous", start.epoch ? FormatEpoch(*start.epoch) : std::string()},
                                     {"start", FormatPgLsn(start.confirmed)}});
  owned_.Set({FormatEpoch(epoch_), writer_.token()});
  Report();
  services_.metrics.Counter("itemize_epochs_total", "Epochs begun by this process", {{"reason", std::string(reason)}})
      .Increment();
}

/// Without it the database gives positions of another epoch, or none: what fails now is left to the watch.
void PublishSession::Report() {
  const std::string epoch = FormatEpoch(epoch_);
  if (!report_.Stream(epoch)) owned_.SetReportDue(epoch, true);
}

void PublishSession::Run() {
  while (true) {
    HoldWhilePaused();
    if (stop_.stopped()) break;
    Collect();
    if (!batch_.empty()) {
      PublishBatch();
      last_check_ = last_entry_ = Clock::now();
    }
    // What was taken in while Redis was at work comes first.
    const bool all_published = batch_.empty();
    if (all_published && gap_) BridgeGap();
    if (all_published) confirmed_ = complete_;
    if (stop_.stopped()) break;
    if (all_published) PublishHeartbeatIfDue();
    const std::chrono::milliseconds pass_in = all_published ? PassIfDue() : check_interval_;
    SendStatusIfDue();
    if (Clock::now() - last_check_ >= check_interval_) {
      writer_.CheckOwnership();
      last_check_ = Clock::now();
    }
    if (all_published && drained_) stream_->Wait(std::min(check_interval_, pass_in));
  }
  stream_->SendStatus(confirmed_);
}

/// The slot stays ours and where it is; the walsender is told that somebody is there, and waits with what it has.
void PublishSession::HoldWhilePaused() {
  while (!stop_.stopped() && pause_.Paused()) {
    SendStatusIfDue();
    writer_.CheckOwnership();
    last_check_ = last_entry_ = Clock::now();
    stop_.WaitFor(std::min(kPausePollInterval, check_interval_));
  }
}

void PublishSession::Collect() {
  drained_ = TakeArrived();
  if (!drained_ || batch_.empty() || batch_bytes_ >= kWorthwhileBytes) return;
  const bool busy = Clock::now() - last_entry_ < kWaitForMore || SecondsSince(last_commit_time_) >= kBacklogSeconds;
  if (!busy || stop_.WaitFor(kWaitForMore)) return;
  drained_ = TakeArrived();
}

bool PublishSession::TakeArrived() {
  ReplicationStream::Message message;
  while (!gap_ && batch_bytes_ < kBatchBytes && batch_.size() < kBatchEntries) {
    if (!stream_->Receive(message)) return true;
    if (message.kind == ReplicationStream::Message::Kind::kKeepalive) {
      wal_end_ = message.wal_end;
      status_requested_ = status_requested_ || message.reply_requested;
      if (!inside_transaction_ && wal_end_ >= published_.commit_lsn) CheckRepeatedAll();
      continue;
    }
    std::string_view piece;
    switch (assembler_.Add(message.data, piece)) {
    case FragmentAssembler::Result::kPiece: TakePiece(piece); break;
    case FragmentAssembler::Result::kIncomplete: inside_transaction_ = true; break;
    case FragmentAssembler::Result::kMalformed: SetAside("a fragment is out of order", message.data.size()); break;
    }
  }
  return false;
}

void PublishSession::TakePiece(std::string_view piece) {
  const auto bounds = ReadPieceBounds(piece);
  if (!bounds) return SetAside("it is not of the form of this version", piece.size());
  CheckRepeated(piece, bounds->version);
  inside_transaction_ = !bounds->complete;
  if (bounds->complete) complete_ = bounds->version.commit_lsn;
  // After a crash the slot repeats what it was not told is safe; the stream has it already.
  if (bounds->version <= published_) return;
  std::string cut;
  if (bounds->version.commit_lsn == published_.commit_lsn && BeginsUpTo(piece, published_.ordinal)) {
    // Sent again with other bounds, its beginning may be there already.
    cut = WithoutChangesUpTo(piece, published_.ordinal);
    piece = cut;
  }
  if (gap_end_ != 0) LeaveGapBehind(bounds->version.commit_lsn);
  const bool same_transaction = received_.commit_lsn == bounds->version.commit_lsn;
  metrics_.changes.Increment(
      static_cast<double>(bounds->version.ordinal - (same_transaction ? received_.ordinal : std::uint64_t{0})));
  if (bounds->complete) metrics_.transactions.Increment();
  received_ = bounds->version;
  if (const auto reader = PieceReader::Open(piece)) last_commit_time_ = reader->header().commit_time;
  if (piece.size() > writer_.longest_piece())
    return SetAside("it is longer than Redis holds in one value", piece.size());
  const SpecialLines special = FindSpecialLines(piece);
  if (special.set_aside) ReportSetAside(piece);
  batch_bytes_ += piece.size();
  batch_.push_back({bounds->version, std::string(piece),
                    special.definitions ? ReadTypes(piece) : std::vector<TypeState>(), special.erasure});
}

void PublishSession::ReportSetAside(std::string_view piece) {
  auto reader = PieceReader::Open(piece);
  Change change;
  while (reader && reader->Next(change)) {
    if (change.kind != LineKind::kSetAside) continue;
    const std::string_view word = change.reason.substr(0, change.reason.find(' '));
    // Of the words that are known: a label must not take any value that comes along.
    const bool known = word == "too_large" || word == "encode_failed";
    services_.metrics
        .Counter("itemize_changes_set_aside_total", "Changes that could not be sent, left out and told so",
                 {{"reason", known ? std::string(word) : "other"}})
        .Increment();
    services_.log.Error("change_set_aside",
                        {{"type", change.type},
                         {"position", FormatPosition({epoch_, {reader->header().commit_lsn, change.ordinal}})},
                         {"reason", change.reason},
                         {"consequence", "copies of it are dropped; a read asks the database"}});
  }
}

void PublishSession::CheckRepeated(std::string_view piece, const Version &version) {
  if (replay_.Complete()) return;
  if (version.commit_lsn > published_.commit_lsn) return CheckRepeatedAll();
  const auto reader = PieceReader::Open(piece);
  if (reader && !replay_.Repeats(reader->header())) LeaveOtherHistory();
}

void PublishSession::CheckRepeatedAll() {
  if (!replay_.Complete()) LeaveOtherHistory();
}

/// The database was restored, and has gone on further than the stream before anybody looked: up to where both agree
/// nothing has to be published again, and what comes behind it is another history.
void PublishSession::LeaveOtherHistory() {
  StreamStart start;
  start.epoch = epoch_;
  start.system_identifier = epoch_.system_identifier;
  start.timeline = epoch_.timeline;
  start.confirmed = replay_.agreed();
  replay_ = ReplayCheck();
  published_ = {};
  BeginEpoch(start, "database_went_back");
}

/// To wait for what cannot be read would stop everything, and to go on as if nothing had been would leave a silent
/// gap: it is left out, and a new epoch tells the clusters that they have missed something.
void PublishSession::SetAside(std::string_view why, std::size_t bytes) {
  services_.log.Error("malformed_piece", {{"reason", why},
                                          {"bytes", bytes},
                                          {"after", FormatVersion(received_)},
                                          {"consequence", "clusters resync"},
                                          {"hint", "extension and sidecar must be of like versions"}});
  metrics_.malformed.Increment();
  gap_ = true;
}

/// Everything before the gap is published. The transaction that fell into it is visible (the plugin ships nothing
/// earlier), so items that are filled from now on contain it.
void PublishSession::BridgeGap() {
  // The end of a transaction may have been in what was left out, and so may what the stream repeats.
  inside_transaction_ = false;
  replay_ = ReplayCheck();
  StreamStart start;
  start.epoch = epoch_;
  start.system_identifier = epoch_.system_identifier;
  start.timeline = epoch_.timeline;
  start.confirmed = published_.commit_lsn;
  BeginEpoch(start, "malformed_piece");
  gap_ = false;
  // Where the transaction ends was in what was left out, perhaps; not behind this.
  const auto reached = ParsePgLsn(database_.Query("SELECT pg_catalog.pg_current_wal_flush_lsn()").Text(0, 0));
  if (!reached) throw Error("the server does not tell how far its write-ahead log goes");
  gap_end_ = *reached;
  // A plugin of which nothing can be read must not become a storm of epochs.
  writer_.CheckOwnership();
  stop_.WaitFor(kGapPause);
  writer_.CheckOwnership();
}

/// The epoch that was begun at once is not ahead of the transaction that was left out: a standby that has not replayed
/// it may fill an item of that epoch, and no event would ever tell. So nothing that is behind it enters that epoch.
void PublishSession::LeaveGapBehind(Lsn reached) {
  gap_end_ = 0;
  StreamStart start;
  start.epoch = epoch_;
  start.system_identifier = epoch_.system_identifier;
  start.timeline = epoch_.timeline;
  start.confirmed = reached;
  BeginEpoch(start, "malformed_piece");
}

void PublishSession::PublishBatch() {
  sent_.swap(batch_);
  batch_.clear();
  const std::size_t bytes = std::exchange(batch_bytes_, 0);
  const Lsn complete = complete_;
  const std::int64_t commit_time = last_commit_time_;
  // The walsender waits when nobody takes what it has. Not before all that the slot repeats is checked: then an epoch
  // might have to be begun. And not for a few entries, to which Redis answers at once.
  const bool collects = bytes >= kWorthwhileBytes && replay_.Complete();
  Publish(sent_, collects ? [this] { TakeArrived(); } : std::function<void()>());
  published_ = sent_.back().version;
  confirmed_ = complete;
  metrics_.pieces.Increment(static_cast<double>(sent_.size()));
  metrics_.bytes.Increment(static_cast<double>(bytes));
  if (commit_time > 0) metrics_.lag.Set(SecondsSince(commit_time));
  sent_.clear();
}

void PublishSession::Publish(const std::vector<StreamEntry> &entries, const std::function<void()> &meanwhile) {
  Backoff wait(kBackoffFirst, kLongestFullWait);
  bool announced = false;
  while (true) {
    try {
      writer_.Publish(entries, meanwhile);
      break;
    } catch (const StreamFull &error) {
      if (!announced) {
        services_.log.Error("stream_full", {{"error", error.what()},
                                            {"consequence", "WAL is held back until there is room"},
                                            {"hint", "give Redis more memory, or lower --stream-max-bytes"}});
      }
    }
    announced = true;
    metrics_.full.Set(1);
    owned_.SetFull(true);
    if (stop_.WaitFor(wait.Next())) throw Stopped();
    writer_.CheckOwnership();
    SendStatusIfDue();
  }
  if (!announced) return;
  services_.log.Info("stream_has_room");
  metrics_.full.Set(0);
  owned_.SetFull(false);
}

/// Moves the slot on while nothing of the write-ahead log is ours.
void PublishSession::PublishHeartbeatIfDue() {
  if (inside_transaction_ || wal_end_ < gap_end_) return;
  if (wal_end_ <= published_.commit_lsn) return MakeLastEntryForget();
  if (Clock::now() - last_entry_ < options_.heartbeat) return;
  // The first entry of an epoch is a heartbeat.
  if (gap_end_ != 0)
    LeaveGapBehind(wal_end_);
  else
    Publish({{{wal_end_, 0}, FormatHeartbeat(wal_end_), {}}});
  asked_to_forget_ = false;
  published_ = {wal_end_, 0};
  complete_ = confirmed_ = wal_end_;
  metrics_.heartbeats.Increment();
  last_check_ = last_entry_ = Clock::now();
}

/// Of what is written to other tables no entry tells, and a heartbeat only now and then. Gives when to call again,
/// though nothing has arrived.
std::chrono::milliseconds PublishSession::PassIfDue() {
  if (inside_transaction_ || gap_end_ != 0 || wal_end_ <= std::max(published_.commit_lsn, passed_))
    return check_interval_;
  const auto now = Clock::now();
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(
      last_pass_ + (followed_ ? kPassInterval : kUnfollowedPassInterval) - now);
  if (wait.count() > 0) return wait;
  last_pass_ = now;
  try {
    followed_ = writer_.Pass(wal_end_, published_);
  } catch (const StreamFull &) {
    return check_interval_; // which entries, or their lack, will tell
  }
  passed_ = wal_end_;
  last_check_ = now;
  return check_interval_;
}

/// The stream's last entry is never trimmed. On a database where nothing is written any more, a heartbeat must take its
/// place before its row is older than the stream may keep one: a word in the write-ahead log makes one possible.
void PublishSession::MakeLastEntryForget() {
  if (published_.ordinal == 0 || asked_to_forget_ || Clock::now() - last_entry_ < options_.stream_max_age / 2) return;
  asked_to_forget_ = true;
  database_.Execute("BEGIN; SET LOCAL synchronous_commit = local; "
                    "SELECT pg_catalog.pg_logical_emit_message(true, 'itemize-heartbeat', ''); COMMIT");
}

void PublishSession::SendStatusIfDue() {
  const auto silence = Clock::now() - last_status_;
  const bool news = confirmed_ != reported_ && silence >= kStatusInterval;
  if (!status_requested_ && !news && silence < kLongestSilence) return;
  stream_->SendStatus(confirmed_);
  reported_ = confirmed_;
  status_requested_ = false;
  last_status_ = Clock::now();
}

} // namespace itemize::sidecar
