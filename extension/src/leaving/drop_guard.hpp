// Refuses to drop the extension while a replication slot uses it.
#pragma once

namespace itemize {

/// Once in a process, when the library is loaded.
void InstallDropGuard();

} // namespace itemize
