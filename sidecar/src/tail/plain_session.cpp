#include "tail/plain_session.hpp"

#include "base/backoff.hpp"
#include "redis/consumer_report.hpp"
#include "redis/endpoint.hpp"
#include "tail/record.hpp"
#include "tail/resync.hpp"
#include "tail/row_copy.hpp"

#include <unistd.h>

#include <utility>

namespace itemize::sidecar {
namespace {

/// Bounds how late a stop is noticed while the stream is silent.
constexpr std::chrono::milliseconds kLongestRead{500};
/// How often a place is printed while nothing of interest changes.
constexpr std::chrono::seconds kProgressInterval{10};

} // namespace

PlainSession::PlainSession(const Options &options, Services &services, StopToken stop)
    : options_(options), services_(services), stop_(std::move(stop)), interest_(options.tail),
      writer_(STDOUT_FILENO, stop_, [this](auto taken_nothing) { RenewHold(taken_nothing); }) {}

void PlainSession::Run() {
  Backoff backoff;
  while (true) {
    try {
      StreamReader reader(ParseRedisUrl(options_.global_redis), options_.prefix);
      if (!started_) Start(reader);
      backoff.Reset();
      Follow(reader);
      writer_.Flush();
      return;
    } catch (const RedisError &error) {
      services_.log.Warning("tail_interrupted", {{"error", error.what()}});
    }
    if (stop_.WaitFor(backoff.Next())) throw Stopped();
  }
}

void PlainSession::Start(StreamReader &reader) {
  StreamTip tip = WaitForTip(reader, services_, stop_);
  WarnOfUnknownTypes(options_.tail, tip, services_);
  const std::string &until = options_.tail.until;
  if (until == kFromNow) until_ = tip.last;
  if (const auto position = ParsePosition(until)) {
    if (position->epoch != tip.epoch) throw ResyncNeeded("epoch_changed");
    until_ = position->version;
  }
  if (options_.tail.from == kFromSnapshot) return CopyRows(reader, std::move(tip));
  epoch_ = tip.epoch;
  after_ = tip.last;
  if (const auto position = ParsePosition(options_.tail.from)) {
    if (position->epoch != tip.epoch) throw ResyncNeeded("epoch_changed");
    after_ = AfterPosition(position->version);
  }
  epoch_text_ = FormatEpoch(epoch_);
  last_marked_ = after_;
  started_ = true;
  services_.log.Info("tailing", {{"epoch", epoch_text_}, {"after", FormatVersion(after_)}});
}

void PlainSession::CopyRows(StreamReader &reader, StreamTip tip) {
  RowCopy copy = RowCopy::Take(options_, services_, stop_, reader, std::move(tip));
  // Half of a copy cannot be continued: from here on only the end of the process is left when a server fails.
  try {
    hold_.emplace(options_, copy.tip.epoch, copy.tip.last);
    copy.ForEachRow([&](const std::string &type, const SnapshotCopy::Row &row) {
      ++printed_;
      writer_.Write(RowRecord(type, row.key, row.item, row.generation, std::nullopt));
      hold_->RenewIfDue();
      return !Done();
    });
    writer_.Flush();
    horizon_ = copy.End();
  } catch (const RedisError &error) {
    throw FatalError(std::string("the copy was interrupted: ") + error.what());
  } catch (const PostgresError &error) {
    throw FatalError(std::string("the copy was interrupted: ") + error.what());
  }
  snapshot_ = copy.snapshot();
  epoch_ = copy.tip.epoch;
  epoch_text_ = FormatEpoch(epoch_);
  after_ = last_marked_ = copy.tip.last;
  started_ = true;
  services_.log.Info("copied", {{"epoch", epoch_text_}, {"rows", printed_}, {"after", FormatVersion(after_)}});
}

void PlainSession::Follow(StreamReader &reader) {
  while (!Done()) {
    stop_.ThrowIfStopped();
    const StreamReader::Batch batch = ReadStream(reader, epoch_, after_, kLongestRead);
    if (const auto reason = ReasonToLoadAnew(batch, epoch_, after_)) throw ResyncNeeded(std::string(*reason));
    for (std::size_t i = 0; i < batch.size() && !Done(); ++i) {
      const ReplyView entry = batch.entry(i);
      const auto version = ParseVersion(entry[0].Text());
      const ReplyView fields = entry[1];
      if (!version || fields.size() != 2) throw ResyncNeeded("malformed_piece");
      TakePiece(*version, fields[1].Text());
    }
    PrintProgressIfDue();
    writer_.Flush();
    if (!hold_) continue;
    hold_->MoveTo(after_);
    hold_->RenewIfDue();
    if (!snapshot_ && batch.last && after_ >= *batch.last) hold_.reset();
  }
}

void PlainSession::TakePiece(const Version &version, std::string_view piece) {
  auto reader = PieceReader::Open(piece);
  if (!reader) throw ResyncNeeded("malformed_piece");
  const PieceHeader &header = reader->header();
  if (snapshot_ && header.commit_lsn > horizon_) GoLive();
  const bool contained = snapshot_ && snapshot_->Contains(header.xid);
  const RecordFrame frame{snapshot_ ? std::string_view() : std::string_view(epoch_text_), std::nullopt};
  Change change;
  while (reader->Next(change)) {
    const Version at{header.commit_lsn, change.ordinal};
    if (at <= after_ || contained || !interest_.Wants(change)) continue; // at <= after_: resumed inside of a piece
    Print(OpenRecord(header, change, frame));
    if (Done()) return;
  }
  if (!reader->ok()) throw ResyncNeeded("malformed_piece");
  inside_transaction_ = !reader->complete();
  if (!inside_transaction_) CloseOpenRecord(true);
  after_ = version;
  if (snapshot_ && !inside_transaction_ && after_.commit_lsn >= horizon_) GoLive();
}

void PlainSession::Print(std::string record) {
  CloseOpenRecord(false);
  if (!Done()) open_record_ = std::move(record);
}

void PlainSession::CloseOpenRecord(bool last) {
  if (open_record_.empty()) return;
  writer_.Write(CloseRecord(std::move(open_record_), last));
  open_record_.clear();
  ++printed_;
  last_line_ = Clock::now();
}

void PlainSession::GoLive() {
  snapshot_.reset();
  writer_.Write(MarkRecord({epoch_, after_}, "live"));
  last_marked_ = after_;
  last_line_ = Clock::now();
}

/// What is being printed must not be broken off by a Redis that is away: who reads the stream next will see it.
/// A reader that takes nothing any more holds the stream no longer than one that is gone.
void PlainSession::RenewHold(Clock::duration taken_nothing) {
  if (!hold_ || taken_nothing >= kReaderSilence) return;
  try {
    hold_->RenewIfDue();
  } catch (const RedisError &error) {
    services_.log.Debug("hold_interrupted", {{"error", error.what()}});
  }
}

void PlainSession::PrintProgressIfDue() {
  if (snapshot_ || inside_transaction_ || after_ == last_marked_) return;
  if (Clock::now() - last_line_ < kProgressInterval) return;
  writer_.Write(MarkRecord({epoch_, after_}, "progress"));
  last_marked_ = after_;
  last_line_ = Clock::now();
}

bool PlainSession::Done() const {
  if (options_.tail.limit > 0 && printed_ >= options_.tail.limit) return true;
  return until_ && started_ && after_ >= *until_ && !inside_transaction_ && !snapshot_;
}

} // namespace itemize::sidecar
