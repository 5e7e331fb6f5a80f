#include "global/pause_watch.hpp"

#include <string>

namespace itemize::sidecar {
namespace {

constexpr std::chrono::seconds kLookInterval{1};

} // namespace

PauseWatch::PauseWatch(PostgresConnection &database, Services &services)
    : database_(database), services_(services),
      gauge_(services.metrics.Gauge("itemize_publish_paused", "1 while itemize.pause holds the stream")) {
  gauge_.Set(0);
}

bool PauseWatch::Paused() {
  if (std::chrono::steady_clock::now() < next_look_) return paused_;
  const PostgresResult result = database_.Query("SELECT until, by, reason FROM itemize.paused()");
  next_look_ = std::chrono::steady_clock::now() + kLookInterval;
  const bool paused = result.rows() > 0;
  if (paused && !paused_) {
    services_.log.Warning("paused", {{"until", result.Text(0, 0)},
                                     {"by", result.Text(0, 1)},
                                     {"reason", result.Text(0, 2)},
                                     {"hint", "SELECT itemize.resume()"}});
  } else if (!paused && paused_) {
    services_.log.Info("resumed");
  }
  paused_ = paused;
  gauge_.Set(paused ? 1 : 0);
  return paused;
}

} // namespace itemize::sidecar
