// tail: the change stream as JSON lines on standard output, docs/reference/tail.md.
#pragma once

#include "base/services.hpp"
#include "base/stop_token.hpp"
#include "options.hpp"

namespace itemize::sidecar {

/// Until a stop, a limit, or a fault that waiting does not remove. Returns the exit status.
int RunTail(const Options &options, Services &services, const StopToken &stop);

} // namespace itemize::sidecar
