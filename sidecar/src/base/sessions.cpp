#include "base/sessions.hpp"

#include "base/backoff.hpp"
#include "base/errors.hpp"
#include "base/scope_exit.hpp"

namespace itemize::sidecar {

void RunSessions(const SessionLoop &loop, Services &services, const StopToken &stop) {
  auto &reconnects = services.metrics.Counter(
      "itemize_reconnects_total", "Sessions that ended by a fault and were begun anew", {{"part", loop.part}});
  Backoff backoff;
  bool has_worked = false;
  while (!stop.stopped()) {
    const auto begun = std::chrono::steady_clock::now();
    try {
      const ScopeExit leave([&] { services.readiness.Set(loop.part, false); });
      loop.session([&] {
        has_worked = true;
        services.readiness.Set(loop.part, true);
      });
      return;
    } catch (const Stopped &) {
      return;
    } catch (const FatalError &error) {
      if (!has_worked) throw;
      loop.interrupted(error, true);
    } catch (const std::exception &error) {
      loop.interrupted(error, false);
    }
    reconnects.Increment();
    // A session that fails at once, again and again, is no reason to hurry.
    if (std::chrono::steady_clock::now() - begun > kBackoffLongest) backoff.Reset();
    stop.WaitFor(backoff.Next());
  }
}

} // namespace itemize::sidecar
