// What is shown must not be taken back: a row of a transaction that committed asynchronously
// (synchronous_commit = off) is visible before its commit is on disk, and a crash would undo it.
#pragma once

#include "boundary/prelude.hpp"

extern "C" {
#include "access/xlogdefs.h"
}

namespace itemize {

/// The end of the WAL that has been written, on a primary: no commit that anybody can see now ends behind it. Where the
/// server gives the place behind a page's header, this is the end of the record before.
XLogRecPtr EndOfInsertedWal();

/// Flushes the WAL up to its end of this moment, and with it every commit that the active snapshot
/// contains. Does nothing where all is flushed, and on a standby, which replays only what was flushed.
void FlushVisibleCommits();

} // namespace itemize
