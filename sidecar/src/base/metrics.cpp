#include "base/metrics.hpp"

#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace itemize::sidecar {

Metrics::Metrics() : registry_(std::make_unique<prometheus::Registry>(prometheus::Registry::InsertBehavior::Merge)) {}

Metrics::~Metrics() = default;

prometheus::Counter &Metrics::Counter(const std::string &name, const std::string &help, const Labels &labels) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(*registry_).Add(labels);
}

prometheus::Gauge &Metrics::Gauge(const std::string &name, const std::string &help, const Labels &labels) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(*registry_).Add(labels);
}

void Metrics::RemoveGauge(const std::string &name, const Labels &labels) {
  // Asking for a family that is there, whatever its help, gives that one.
  auto &family = prometheus::BuildGauge().Name(name).Register(*registry_);
  family.Remove(&family.Add(labels));
}

prometheus::Histogram &Metrics::Histogram(const std::string &name, const std::string &help,
                                          const std::vector<double> &upper_bounds, const Labels &labels) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(*registry_).Add(labels, upper_bounds);
}

std::string Metrics::Render() const { return prometheus::TextSerializer().Serialize(registry_->Collect()); }

} // namespace itemize::sidecar
