// From one connect to the next fault: what the applier knows while it moves the local copy on.
#pragma once

#include "base/services.hpp"
#include "base/stop_token.hpp"
#include "local/local_store.hpp"
#include "local/stream_reader.hpp"
#include "options.hpp"

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
  prometheus::Counter &malformed;
  prometheus::Gauge &lag;
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
  /// Why the copy can not go on from where it is; nothing when it can.
  [[nodiscard]] std::optional<std::string_view> ReasonToResync(const StreamReader::Batch &batch) const;
  /// False when an entry is malformed.
  bool ApplyEntries(const StreamReader::Batch &batch);
  void Flush(const ApplyBatch &batch, const Version &last);

  Services &services_;
  ApplyMetrics &metrics_;
  StopToken stop_;
  StreamReader global_;
  LocalStore local_;
  LocalStore::State state_;
  /// The copy is not served before it has reached the tip that the stream had at connect.
  Version tip_;
  bool released_ = false;
};

} // namespace itemize::sidecar
