// From one connect to the next fault: what the publisher knows while it holds the slot.
#pragma once

#include "base/services.hpp"
#include "base/stop_token.hpp"
#include "global/database_report.hpp"
#include "global/epoch_rules.hpp"
#include "global/owned_stream.hpp"
#include "global/pause_watch.hpp"
#include "global/replay_check.hpp"
#include "global/slot.hpp"
#include "global/stream_writer.hpp"
#include "itemize/change_event.hpp"
#include "options.hpp"
#include "postgres/replication.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

namespace itemize::sidecar {

/// The publisher's metrics, made once.
struct PublishMetrics {
  explicit PublishMetrics(Metrics &metrics);

  prometheus::Counter &pieces;
  prometheus::Counter &bytes;
  prometheus::Counter &changes;
  prometheus::Counter &transactions;
  prometheus::Counter &heartbeats;
  prometheus::Counter &malformed;
  prometheus::Gauge &lag;
  prometheus::Gauge &full;
  prometheus::Gauge &owner;
};

class PublishSession {
public:
  /// Connects to both servers, takes the slot, and begins or continues the epoch. May wait long, while
  /// another publisher works. `owned` is told what is ours, from then on. `careful`: see ReplicationStream::Start.
  PublishSession(const Options &options, Services &services, PublishMetrics &metrics, OwnedStream &owned,
                 const StopToken &stop, bool careful);

  /// Publishes until a stop is requested; throws when either server fails.
  void Run();

  /// The newest entry known to be in the stream.
  [[nodiscard]] const Version &published() const { return published_; }

private:
  using Clock = std::chrono::steady_clock;

  void DecideEpoch(const AcquiredSlot &slot);
  void BeginEpoch(const StreamStart &start, std::string_view reason);
  /// Tells the database the running epoch.
  void Report();
  void HoldWhilePaused();
  /// Takes in what has arrived, up to a batch; waits once for more when that is worth it.
  void Collect();
  /// Takes in what has arrived, up to a batch; true when that is all.
  bool TakeArrived();
  void TakePiece(std::string_view piece);
  /// Counts and reports what the plugin has set aside in it.
  void ReportSetAside(std::string_view piece);
  void SetAside(std::string_view why, std::size_t bytes);
  void BridgeGap();
  /// Begins the epoch that what has been left out is before.
  void LeaveGapBehind(Lsn reached);
  /// Begins an epoch when what the slot repeats is not what the stream has.
  void CheckRepeated(std::string_view piece, const Version &version);
  void CheckRepeatedAll();
  void LeaveOtherHistory();
  void PublishBatch();
  /// Waits while Redis has no room: the slot is not confirmed meanwhile, so the server keeps what is to come.
  void Publish(const std::vector<StreamEntry> &entries, const std::function<void()> &meanwhile = {});
  void MakeLastEntryForget();
  void PublishHeartbeatIfDue();
  std::chrono::milliseconds PassIfDue();
  void SendStatusIfDue();

  const Options &options_;
  Services &services_;
  PublishMetrics &metrics_;
  OwnedStream &owned_;
  StopToken stop_;
  StreamWriter writer_;
  PostgresConnection database_;
  PauseWatch pause_;
  DatabaseReport report_;
  std::unique_ptr<ReplicationStream> stream_;

  Epoch epoch_;
  FragmentAssembler assembler_;
  ReplayCheck replay_;
  /// The next batch, and the one that Redis has.
  std::vector<StreamEntry> batch_;
  std::vector<StreamEntry> sent_;
  std::size_t batch_bytes_ = 0;
  /// The newest entry known to be in the stream, and the newest one read from the slot.
  Version published_;
  Version received_;
  /// Commit LSN of the newest transaction that is in the batch, or in the stream, to its end.
  Lsn complete_ = 0;
  /// What the slot may forget: everything up to here is in the stream.
  Lsn confirmed_ = 0;
  Lsn reported_ = 0;
  /// Whether all that has arrived was taken in: only then may the session wait on the socket.
  bool drained_ = false;
  bool inside_transaction_ = false;
  bool status_requested_ = false;
  /// A piece was left out since the epoch began.
  bool gap_ = false;
  /// What was left out before this epoch ends here at the latest; 0: nothing was, or the epoch begins behind it.
  Lsn gap_end_ = 0;
  std::int64_t last_commit_time_ = 0;
  Lsn wal_end_ = 0;
  /// Up to where the stream has been said to have passed the write-ahead log.
  Lsn passed_ = 0;
  Clock::time_point last_pass_;
  bool followed_ = false;
  Clock::time_point last_entry_ = Clock::now();
  Clock::time_point last_status_ = Clock::now();
  Clock::time_point last_check_ = Clock::now();
  /// How often the claim is renewed.
  std::chrono::milliseconds check_interval_;
  bool asked_to_forget_ = false;
};

} // namespace itemize::sidecar
