#include "tail/group_session.hpp"

#include "base/backoff.hpp"
#include "redis/endpoint.hpp"
#include "tail/floor.hpp"
#include "tail/record.hpp"
#include "tail/resync.hpp"
#include "tail/row_copy.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

namespace itemize::sidecar {
namespace {

/// Bounds how late a stop, or an acknowledgement, is noticed while the stream is silent.
constexpr std::chrono::milliseconds kLongestRead{200};
constexpr std::chrono::milliseconds kLongestSyncInterval{500};
/// Lines that may wait for their acknowledgement before no more are printed.
constexpr std::size_t kMaxOutstanding = 10000;

} // namespace

GroupSession::GroupSession(const Options &options, Services &services, StopToken stop)
    : options_(options), services_(services), stop_(std::move(stop)), interest_(options.tail),
      writer_(STDOUT_FILENO, stop_, [this](auto) { RenewIfDue(); }), input_(STDIN_FILENO),
      member_(options.tail.consumer), token_(RandomName()) {
  if (member_.empty()) member_ = RandomName();
}

void GroupSession::Run() {
  Backoff backoff;
  while (true) {
    try {
      StreamReader reader(ParseRedisUrl(options_.global_redis), options_.prefix);
      if (!entered_)
        Enter(reader);
      else
        store_ = std::make_unique<GroupStore>(options_, epoch_text_, member_, token_);
      backoff.Reset();
      try {
        Follow(reader);
      } catch (const Stopped &) {
        Sync(true); // what is done is done, and the others need not wait for the lease
        throw;
      }
      Sync(true);
      return;
    } catch (const GroupLost &error) {
      services_.log.Warning("group_lost", {{"group", options_.tail.group}, {"error", error.what()}});
      throw ResyncNeeded("group_lost");
    } catch (const RedisError &error) {
      services_.log.Warning("tail_interrupted", {{"error", error.what()}});
    }
    if (stop_.WaitFor(backoff.Next())) throw Stopped();
  }
}

void GroupSession::Enter(StreamReader &reader) {
  const bool copies = options_.tail.from == kFromSnapshot;
  while (true) {
    StreamTip tip = WaitForTip(reader, services_, stop_);
    WarnOfUnknownTypes(options_.tail, tip, services_);
    std::optional<Version> start;
    if (!copies) start = tip.last;
    const auto position = ParsePosition(options_.tail.from);
    if (position) {
      if (position->epoch != tip.epoch) throw ResyncNeeded("epoch_changed");
      start = AfterPosition(position->version);
    }
    epoch_ = tip.epoch;
    epoch_text_ = FormatEpoch(epoch_);
    store_ = std::make_unique<GroupStore>(options_, epoch_text_, member_, token_);
    GroupStore::Opened opened;
    try {
      opened = store_->Enter(start);
    } catch (const GroupLost &) {
      continue; // a new epoch began just now
    }
    // Who named a position knows where to go on. Of anybody else, what he may hold of an earlier group is old.
    if (opened.made && !position) writer_.Write(ResyncRecord("group_made"));
    if (opened.what == GroupStore::Opened::What::kWait) {
      if (stop_.WaitFor(kLongestSyncInterval)) throw Stopped();
      continue;
    }
    if (opened.what == GroupStore::Opened::What::kCopy) {
      CopyRows(reader, std::move(tip));
      continue;
    }
    if (!opened.snapshot.empty()) snapshot_ = TransactionSnapshot::Parse(opened.snapshot);
    horizon_ = opened.horizon;
    entered_ = true;
    synced_ = Clock::now();
    Sync(false);
    writer_.Flush();
    services_.log.Info("group_entered", {{"group", options_.tail.group},
                                         {"member", member_},
                                         {"epoch", epoch_text_},
                                         {"partitions", partitions_.size()}});
    return;
  }
}

/// If this member dies meanwhile another one copies from the beginning.
void GroupSession::CopyRows(StreamReader &reader, StreamTip tip) {
  RowCopy copy = RowCopy::Take(options_, services_, stop_, reader, std::move(tip));
  if (copy.tip.epoch != epoch_) return;
  copying_from_ = copy.tip.last;
  try {
    copy.ForEachRow([&](const std::string &type, const SnapshotCopy::Row &row) {
      writer_.Write(RowRecord(type, row.key, row.item, row.generation, PartitionOf(type, row.key)));
      RenewIfDue();
      return true;
    });
    writer_.Write(MarkRecord({epoch_, copy.tip.last}, "live"));
    writer_.Flush();
    const Lsn horizon = copy.End();
    if (options_.tail.ack_from_stdin) WaitForCopyAcknowledged(copy.tip.last);
    store_->CompleteCopy(copy.tip.last, copy.snapshot().text(), horizon);
  } catch (const RedisError &error) {
    throw FatalError(std::string("the copy was interrupted: ") + error.what());
  } catch (const PostgresError &error) {
    throw FatalError(std::string("the copy was interrupted: ") + error.what());
  }
  copying_from_.reset();
}

void GroupSession::WaitForCopyAcknowledged(const Version &position) {
  while (true) {
    for (const std::string &line : input_.Read()) {
      const auto acknowledged = ParseAcknowledgement(line);
      if (acknowledged && acknowledged->epoch == epoch_ && acknowledged->version == position) return;
    }
    if (input_.ended()) throw Stopped();
    RenewIfDue();
    std::array<pollfd, 2> waits = {{{input_.fd(), POLLIN, 0}, {stop_.fd(), POLLIN, 0}}};
    poll(waits.data(), waits.size(), static_cast<int>(kLongestRead.count()));
    stop_.ThrowIfStopped();
  }
}

void GroupSession::Follow(StreamReader &reader) {
  while (!Done()) {
    stop_.ThrowIfStopped();
    ReadAcknowledgements();
    SyncIfDue();
    const bool finishing = options_.tail.limit > 0 && printed_ >= options_.tail.limit;
    const bool reads = std::any_of(partitions_.begin(), partitions_.end(),
                                   [](const auto &partition) { return !partition.second.leaving; });
    if (reads && !finishing && outstanding_.size() < kMaxOutstanding) {
      ReadBatch(reader);
      continue;
    }
    std::array<pollfd, 2> waits = {{{stop_.fd(), POLLIN, 0}, {input_.fd(), POLLIN, 0}}};
    poll(waits.data(), options_.tail.ack_from_stdin ? 2 : 1, static_cast<int>(kLongestRead.count()));
  }
}

void GroupSession::ReadBatch(StreamReader &reader) {
  std::optional<Version> from;
  for (const auto &[number, partition] : partitions_) {
    if (!partition.leaving && (!from || partition.delivered < *from)) from = partition.delivered;
  }
  const StreamReader::Batch batch = ReadStream(reader, epoch_, *from, kLongestRead);
  if (const auto reason = ReasonToLoadAnew(batch, epoch_, *from)) {
    // The others shall know, too: what one partition has missed is missing for the whole.
    if (*reason != "epoch_changed") store_->Forget();
    throw ResyncNeeded(std::string(*reason));
  }
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const ReplyView entry = batch.entry(i);
    const auto version = ParseVersion(entry[0].Text());
    const ReplyView fields = entry[1];
    if (!version || fields.size() != 2 || !TakePiece(*version, fields[1].Text())) {
      // Forgotten too: a member that came back would meet the same entry again, for ever.
      store_->Forget();
      throw ResyncNeeded("malformed_piece");
    }
    if (options_.tail.limit > 0 && printed_ >= options_.tail.limit) break;
  }
  writer_.Flush();
  for (const auto &[number, partition] : partitions_) {
    const bool done = !options_.tail.ack_from_stdin || !outstanding_.Has(number);
    if (done && partition.acknowledged < partition.delivered) unreported_[number] = partition.delivered;
  }
}

bool GroupSession::TakePiece(const Version &version, std::string_view piece) {
  auto reader = PieceReader::Open(piece);
  if (!reader) return false;
  const PieceHeader &header = reader->header();
  const bool contained = snapshot_ && header.commit_lsn <= horizon_ && snapshot_->Contains(header.xid);
  Change change;
  while (reader->Next(change)) {
    if (contained || !interest_.Wants(change)) continue;
    if (const auto only = PartitionOf(change)) {
      Print(header, change, *only);
    } else {
      for (unsigned partition = 0; partition < kPartitions; ++partition)
        Print(header, change, partition);
    }
    if (options_.tail.limit > 0 && printed_ >= options_.tail.limit) return true;
  }
  if (!reader->ok()) return false;
  for (auto &[number, partition] : partitions_) {
    if (!partition.leaving && partition.delivered < version) partition.delivered = version;
  }
  return true;
}

void GroupSession::Print(const PieceHeader &header, const Change &change, unsigned partition) {
  const auto found = partitions_.find(partition);
  const Version version{header.commit_lsn, change.ordinal};
  if (found == partitions_.end() || found->second.leaving || version <= found->second.delivered) return;
  writer_.Write(CloseRecord(OpenRecord(header, change, {epoch_text_, partition}), false));
  found->second.delivered = version;
  ++printed_;
  if (options_.tail.ack_from_stdin) outstanding_.Add(partition, version);
}

void GroupSession::ReadAcknowledgements() {
  if (!options_.tail.ack_from_stdin) return;
  for (const std::string &line : input_.Read()) {
    const auto position = ParseAcknowledgement(line);
    if (!position || position->epoch != epoch_) {
      services_.log.Warning("acknowledgement_ignored", {{"line", line.substr(0, 200)}});
      continue;
    }
    for (const auto &[number, version] : outstanding_.Acknowledge(position->version)) {
      const auto found = partitions_.find(number);
      if (found == partitions_.end()) continue;
      unreported_[number] = outstanding_.Has(number) ? version : found->second.delivered;
    }
  }
  if (input_.ended()) throw Stopped();
}

void GroupSession::SyncIfDue() {
  const auto interval = std::min<Clock::duration>(options_.lease / 4, kLongestSyncInterval);
  const bool gives = std::any_of(partitions_.begin(), partitions_.end(), [&](const auto &partition) {
    return partition.second.leaving && !outstanding_.Has(partition.first);
  });
  if (gives || Clock::now() - synced_ >= interval) Sync(false);
}

void GroupSession::Sync(bool leaving) {
  // Silent for longer than the lease: others may have gone on, and what is acknowledged here may be older.
  if (Clock::now() - synced_ > options_.lease && Clock::now() - renewed_ > options_.lease) ForgetOwnership();
  std::vector<unsigned> released;
  for (const auto &[number, partition] : partitions_) {
    if (leaving || (partition.leaving && !outstanding_.Has(number))) released.push_back(number);
  }
  const GroupStore::Share share = store_->Sync(unreported_, released, leaving);
  synced_ = Clock::now();
  for (const auto &[number, position] : unreported_) {
    const auto found = partitions_.find(number);
    if (found != partitions_.end()) found->second.acknowledged = position;
  }
  unreported_.clear();
  for (auto at = partitions_.begin(); at != partitions_.end();) {
    if (share.owned.count(at->first) > 0 && std::find(released.begin(), released.end(), at->first) == released.end()) {
      ++at;
      continue;
    }
    outstanding_.Drop(at->first);
    at = partitions_.erase(at);
  }
  for (const auto &[number, position] : share.owned)
    partitions_.emplace(number, Partition{position, position, false});
  unsigned staying = 0;
  for (auto &[number, partition] : partitions_) {
    if (!partition.leaving && ++staying > share.target) partition.leaving = true;
  }
}

void GroupSession::RenewIfDue() {
  const auto interval = std::min<Clock::duration>(options_.lease / 4, kLongestSyncInterval);
  if (!store_ || Clock::now() - std::max(synced_, renewed_) < interval) return;
  store_->Renew(copying_from_);
  renewed_ = Clock::now();
}

void GroupSession::ForgetOwnership() {
  partitions_.clear();
  outstanding_.Clear();
  unreported_.clear();
}

bool GroupSession::Done() const {
  return options_.tail.limit > 0 && printed_ >= options_.tail.limit && outstanding_.size() == 0;
}

} // namespace itemize::sidecar
