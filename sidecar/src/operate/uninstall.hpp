// uninstall: takes away what the sidecars have made outside of the extension's own schema.
#pragma once

#include "base/services.hpp"
#include "base/stop_token.hpp"
#include "options.hpp"

namespace itemize::sidecar {

/// Drops the slot and deletes the keys of the prefix in both Redis; says on standard output what it removed. Throws
/// FatalError while sidecars run, unless forced. May be run again. Returns the exit status.
int Uninstall(const Options &options, Services &services, const StopToken &stop);

} // namespace itemize::sidecar
