#include "http/http_metrics.hpp"

namespace itemize::sidecar::http {

HttpMetrics::HttpMetrics(Metrics &metrics)
    : metrics_(metrics),
      connections_(metrics.Gauge("itemize_http_connections", "Open HTTP connections, live streams not counted")),
      web_sockets_(metrics.Gauge("itemize_web_sockets", "Open WebSockets")) {}

void HttpMetrics::Answered(std::string_view route, int status, std::chrono::steady_clock::time_point start) {
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  Answered(route, status, took.count());
}

void HttpMetrics::Answered(std::string_view route, int status, double seconds) {
  Route found{};
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    auto [at, fresh] = routes_.try_emplace({route, status}, Route{});
    if (fresh) {
      const std::string name(route);
      at->second.requests = &metrics_.Counter("itemize_http_requests_total", "HTTP requests answered",
                                              {{"route", name}, {"status", std::to_string(status)}});
      at->second.seconds = &metrics_.Histogram(
          "itemize_http_request_seconds", "Time from a whole request to its answer",
          {0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2.0}, {{"route", name}});
    }
    found = at->second;
  }
  found.requests->Increment();
  found.seconds->Observe(seconds);
}

} // namespace itemize::sidecar::http
