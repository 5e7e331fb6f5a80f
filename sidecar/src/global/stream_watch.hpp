// Beside the publisher, in a thread of its own, so that no look at a slow server delays a change: trims the stream,
// measures every hop, and reports to the database.
#pragma once

#include "base/services.hpp"
#include "base/stop_token.hpp"
#include "global/database_report.hpp"
#include "global/owned_stream.hpp"
#include "global/slot_health.hpp"
#include "global/stream_picture.hpp"
#include "options.hpp"
#include "postgres/connection.hpp"
#include "redis/connection.hpp"

#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace itemize::sidecar {

class StreamWatch {
public:
  /// The first three are kept by reference.
  StreamWatch(const Options &options, Services &services, OwnedStream &owned, StopToken stop);

  /// Until a stop is requested. Faults are logged and waited out.
  void Run();

private:
  using Clock = std::chrono::steady_clock;

  void LookAtSlot();
  void LookAtStream();
  void Trim(const StreamPicture &picture, const OwnedStream::Claim &claim);
  void Measure(const StreamPicture &picture);
  /// Sets the gauge of one cluster or group.
  void MeasureConsumer(const std::string &metric, const std::string &help, const Metrics::Labels &labels, double value);
  /// Shows the gauges no more that have not been measured since the last call.
  void RemoveOthers();
  void ReportIfDue(const StreamPicture &picture, const OwnedStream::Claim &claim);

  const Options &options_;
  Services &services_;
  OwnedStream &owned_;
  StopToken stop_;
  GlobalKeys keys_;
  DatabaseReport report_;
  std::optional<RedisConnection> redis_;
  std::optional<PostgresConnection> database_;
  /// What the last report was about, without its times, and when it was made.
  std::string reported_;
  Clock::time_point last_report_;
  prometheus::Gauge &retained_;
  prometheus::Gauge &safe_;
  prometheus::Gauge &slot_lag_;
  prometheus::Gauge &entries_;
  prometheus::Gauge &bytes_;
  prometheus::Gauge &oldest_;
  prometheus::Gauge &clusters_;
  prometheus::Counter &trimmed_;
  /// Of consumers: metric and labels, as of the last look, and of this one so far.
  using Shown = std::set<std::pair<std::string, Metrics::Labels>>;
  Shown shown_;
  Shown measured_;
};

} // namespace itemize::sidecar
