// What the HTTP side counts.
#pragma once

#include "base/metrics.hpp"

#include <chrono>
#include <map>
#include <mutex>
#include <string_view>
#include <utility>

namespace itemize::sidecar::http {

/// Thread-safe.
class HttpMetrics {
public:
  explicit HttpMetrics(Metrics &metrics);

  /// A request answered: `route` is a literal, `seconds` from the whole request to its answer.
  void Answered(std::string_view route, int status, double seconds);
  /// The same, now, of one that was whole at `start`.
  void Answered(std::string_view route, int status, std::chrono::steady_clock::time_point start);
  prometheus::Gauge &connections() { return connections_; }
  prometheus::Gauge &web_sockets() { return web_sockets_; }

private:
  struct Route {
    prometheus::Counter *requests;
    prometheus::Histogram *seconds;
  };

  Metrics &metrics_;
  prometheus::Gauge &connections_;
  prometheus::Gauge &web_sockets_;
  std::mutex mutex_;
  /// Looking a metric up in the registry by its labels costs more than answering from Redis.
  std::map<std::pair<std::string_view, int>, Route> routes_;
};

} // namespace itemize::sidecar::http
