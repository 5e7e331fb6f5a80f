// erasure-check: the proof that no hop holds an erased item any more.
#pragma once

#include "base/services.hpp"
#include "base/stop_token.hpp"
#include "options.hpp"

namespace itemize::sidecar {

/// Looks at the database and at both Redis, and says on standard output what it found. With `scrub` it also removes it:
/// copies at once, entries of streams as soon as every cluster and group has passed them, which it waits for. Returns
/// 0 when nothing is left, kExitFound otherwise.
int CheckErasure(const Options &options, Services &services, const StopToken &stop);

} // namespace itemize::sidecar
