// `itemize-sidecar verify`: one comparison now, for a person or a script.
#pragma once

#include "base/services.hpp"
#include "base/stop_token.hpp"
#include "options.hpp"

namespace itemize::sidecar::coherence {

/// Compares as fast as it goes, and says on standard output what it found. Returns 0, or kExitFound when something was
/// wrong; throws where the copy or the database cannot be reached or compared.
int Verify(const Options &options, Services &services, const StopToken &stop);

} // namespace itemize::sidecar::coherence
