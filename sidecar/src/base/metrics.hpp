// Access to the process's metrics. Names: Prometheus rules, prefix itemize_, base units
// (seconds, bytes), counters end in _total.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace prometheus {
class Registry;
}

namespace itemize::sidecar {

/// Thread-safe. Asking again for the same name and labels gives the same metric; the references live
/// as long as this object, but for a gauge that is removed.
class Metrics {
public:
  using Labels = std::map<std::string, std::string>;

  Metrics();
  ~Metrics();
  Metrics(const Metrics &) = delete;
  Metrics &operator=(const Metrics &) = delete;
  Metrics(Metrics &&) = delete;
  Metrics &operator=(Metrics &&) = delete;

  prometheus::Counter &Counter(const std::string &name, const std::string &help, const Labels &labels = {});
  prometheus::Gauge &Gauge(const std::string &name, const std::string &help, const Labels &labels = {});
  /// It is shown no more. Its owner must not use it after this.
  void RemoveGauge(const std::string &name, const Labels &labels);
  prometheus::Histogram &Histogram(const std::string &name, const std::string &help,
                                   const std::vector<double> &upper_bounds, const Labels &labels = {});

  /// Text exposition format 0.0.4.
  [[nodiscard]] std::string Render() const;

private:
  std::unique_ptr<prometheus::Registry> registry_;
};

} // namespace itemize::sidecar
