#include "local/applier.hpp"

#include "base/backoff.hpp"
#include "base/errors.hpp"
#include "base/scope_exit.hpp"
#include "local/apply_session.hpp"

namespace itemize::sidecar {

Applier::Applier(const Options &options, Services &services) : options_(options), services_(services) {
  services_.readiness.Register("local");
}

void Applier::Run(const StopToken &stop) {
  ApplyMetrics metrics(services_.metrics);
  Backoff backoff;
  while (!stop.stopped()) {
    const auto begun = std::chrono::steady_clock::now();
    try {
      const ScopeExit leave([&] { services_.readiness.Set("local", false); });
      ApplySession session(options_, services_, metrics, stop);
      session.Run();
      return;
    } catch (const Stopped &) {
      return;
    } catch (const std::exception &error) {
      services_.log.Warning("local_interrupted", {{"error", error.what()}});
    }
    metrics.reconnects.Increment();
    // A session that fails at once, again and again, is no reason to hurry.
    if (std::chrono::steady_clock::now() - begun > kBackoffLongest) backoff.Reset();
    stop.WaitFor(backoff.Next());
  }
}

} // namespace itemize::sidecar
