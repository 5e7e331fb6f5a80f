#include "global/publisher.hpp"

#include "base/backoff.hpp"
#include "base/errors.hpp"
#include "base/scope_exit.hpp"
#include "global/publish_session.hpp"

namespace itemize::sidecar {

Publisher::Publisher(const Options &options, Services &services) : options_(options), services_(services) {
  services_.readiness.Register("global");
}

void Publisher::Run(const StopToken &stop) {
  PublishMetrics metrics(services_.metrics);
  Backoff backoff;
  bool has_worked = false;
  while (!stop.stopped()) {
    const auto begun = std::chrono::steady_clock::now();
    try {
      const ScopeExit leave([&] {
        services_.readiness.Set("global", false);
        metrics.owner.Set(0);
      });
      PublishSession session(options_, services_, metrics, stop);
      has_worked = true;
      services_.readiness.Set("global", true);
      metrics.owner.Set(1);
      session.Run();
      return;
    } catch (const Stopped &) {
      return;
    } catch (const FatalError &error) {
      if (!has_worked) throw;
      services_.log.Error("global_failed", {{"error", error.what()}});
    } catch (const std::exception &error) {
      services_.log.Warning("global_interrupted", {{"error", error.what()}});
    }
    metrics.reconnects.Increment();
    // A session that fails at once, again and again, is no reason to hurry.
    if (std::chrono::steady_clock::now() - begun > kBackoffLongest) backoff.Reset();
    stop.WaitFor(backoff.Next());
  }
}

} // namespace itemize::sidecar
