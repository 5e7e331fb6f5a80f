// From one connect to the next fault: what the applier knows while it moves the local copy on.
#pragma once

#include "base/services.hpp"
#include "base/stop_token.hpp"
#include "local/local_store.hpp"
#include "local/stream_reader.hpp"
#include "options.hpp"

#include <deque>
#include <functional>
#include <optional>
#include <string_view>

namespace itemize::sidecar {

/// The applier's metrics, made once.
struct ApplyMetrics {
  explicit ApplyMetrics(Metrics &metrics);

  prometheus::Counter &pieces;
  prometheus::Counter &bytes;
  prometheus::Counter &changes;
  prometheus::Counter &touched;
  prometheus::Counter &merged;
  prometheus::Counter &unmerged;
  prometheus::Counter &malformed;
  prometheus::Gauge &lag;
  prometheus::Gauge &lag_bytes;
  prometheus::Gauge &stream_entries;
  prometheus::Gauge &stream_bytes;
};

class ApplySession {
public:
  /// Connects to both Redis.
  ApplySession(const Options &options, Services &services, ApplyMetrics &metrics, StopToken stop);

  /// Applies until a stop is requested; throws when either Redis fails. Calls `working` when the copy is released.
  void Run(const std::function<void()> &working);

private:
  /// Waits for an epoch when there is none yet.
  StreamTip WaitForTip();
  void Resync(std::string_view reason);
  /// Asks for what follows in the stream.
  void Ask();
  void Take(const StreamReader::Batch &batch);
  /// Another applier of the same copy has taken it further: true when we go on from there.
  bool AdoptNewerState();
  void RaiseComplete();
  void ReportIfDue();
  /// Why the copy can not go on from where it is; nothing when it can.
  [[nodiscard]] std::optional<std::string_view> ReasonToResync(const StreamReader::Batch &batch) const;
  /// Sends the entries to the local Redis; says why when an entry cannot be applied.
  std::optional<std::string_view> Apply(const StreamReader::Batch &batch);
  void Send();
  /// Takes in what the oldest batch sent has done, and of all of them.
  void Collect();
  void CollectAll();
  void ReleaseWhenCaughtUp(const std::function<void()> &working);

  /// A batch under way.
  struct Sent {
    Version reached;
    std::size_t pieces = 0;
    std::size_t bytes = 0;
    std::size_t changes = 0;
    std::int64_t last_commit_time = 0;
  };

  const Options &options_;
  Services &services_;
  ApplyMetrics &metrics_;
  StopToken stop_;
  StreamReader global_;
  LocalStore local_;
  /// `applied` is what is known to have been applied.
  LocalStore::State state_;
  ApplyBatch batch_;
  std::deque<Sent> under_way_;
  /// The last entry read, and what is applied when everything under way is.
  Version read_;
  Version sent_;
  /// News of what has passed that cannot be used yet.
  std::optional<Passed> passed_;
  /// The copy is not served before it has reached the tip that the stream had at connect.
  Version tip_;
  bool released_ = false;
  bool sweeping_ = true;
  std::chrono::steady_clock::time_point last_report_;
  bool name_shared_ = false;
};

} // namespace itemize::sidecar
