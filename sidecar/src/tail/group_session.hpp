// tail as one member of a consumer group. Each member reads the whole stream and prints what belongs to its partitions;
// of a partition it prints in the order of the stream, from the acknowledged position on.
#pragma once

#include "base/services.hpp"
#include "base/stop_token.hpp"
#include "local/stream_reader.hpp"
#include "options.hpp"
#include "tail/acknowledgements.hpp"
#include "tail/group_store.hpp"
#include "tail/interest.hpp"
#include "tail/line_writer.hpp"
#include "tail/transaction_snapshot.hpp"

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace itemize::sidecar {

class GroupSession {
public:
  GroupSession(const Options &options, Services &services, StopToken stop);

  /// Until a stop, the limit, or the end of the acknowledgements. A Redis that is away is waited for. Throws
  /// ResyncNeeded.
  void Run();

private:
  using Clock = std::chrono::steady_clock;

  struct Partition {
    /// Printed, or found to be of no interest, up to here.
    Version delivered;
    /// Acknowledged, as Redis was told last.
    Version acknowledged;
    /// To be released as soon as its lines are done.
    bool leaving = false;
  };

  void Enter(StreamReader &reader);
  void CopyRows(StreamReader &reader, StreamTip tip);
  void Follow(StreamReader &reader);
  void ReadBatch(StreamReader &reader);
  /// False when the piece is malformed.
  [[nodiscard]] bool TakePiece(const Version &version, std::string_view piece);
  void Print(const PieceHeader &header, const Change &change, unsigned partition);
  void ReadAcknowledgements();
  void WaitForCopyAcknowledged(const Version &position);
  /// Tells Redis what is done, and takes or gives partitions.
  void Sync(bool leaving);
  void SyncIfDue();
  void RenewIfDue();
  void ForgetOwnership();
  [[nodiscard]] bool Done() const;

  const Options &options_;
  Services &services_;
  StopToken stop_;
  Interest interest_;
  LineWriter writer_;
  AckReader input_;
  std::string member_;
  std::string token_;

  std::unique_ptr<GroupStore> store_;
  bool entered_ = false;
  Epoch epoch_;
  std::string epoch_text_;
  std::optional<TransactionSnapshot> snapshot_;
  Lsn horizon_ = 0;
  std::map<unsigned, Partition> partitions_;
  Outstanding outstanding_;
  /// Done, and Redis not told yet.
  GroupStore::Positions unreported_;
  std::uint64_t printed_ = 0;
  /// The copy's place in the stream, while it is under way.
  std::optional<Version> copying_from_;
  Clock::time_point synced_;
  Clock::time_point renewed_;
};

} // namespace itemize::sidecar
