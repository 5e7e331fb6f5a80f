// itemize-sidecar status: where the stream is, as of now, for a person.
#pragma once

#include "options.hpp"

#include <ostream>

namespace itemize::sidecar {

/// Looks at the database and the global Redis, prints a line for each slot, stream, cluster and group, and what to do.
/// 0 when nothing needs doing, kExitFound when something does, kExitFailure when a server could not be asked.
int PrintStatus(const Options &options, std::ostream &out);

} // namespace itemize::sidecar
