// The retry loop of every part that works in sessions: one lasts from a connect to the next fault.
#pragma once

#include "base/services.hpp"
#include "base/stop_token.hpp"

#include <exception>
#include <functional>
#include <string>

namespace itemize::sidecar {

struct SessionLoop {
  /// Name of the part, in readiness and metrics.
  std::string part;
  /// Connects, calls `working` when it does its work, and goes on until a stop is requested; throws at a fault.
  std::function<void(const std::function<void()> &working)> session;
  /// Logs a fault that is waited out. `fatal`: somebody has to act (a FatalError after the part has worked).
  std::function<void(const std::exception &error, bool fatal)> interrupted;
};

/// Until a stop is requested. A fault is waited out and the session begun anew; throws a FatalError unless the part has
/// worked before.
void RunSessions(const SessionLoop &loop, Services &services, const StopToken &stop);

} // namespace itemize::sidecar
