// Nothing ships before it is visible.
//
// The walsender reads a commit when its WAL is flushed; its rows become visible only after
// ProcArrayEndTransaction, under synchronous replication seconds later. Who filled a cache in between
// would find the older row, and no later event would correct it. Design, decision 6.
#pragma once

#include "boundary/prelude.hpp"

namespace itemize {

/// What a decoding session knows of the transactions that have ended. Plain data.
struct VisibilityHorizon {
  uint64 oldest_running; ///< every transaction before it has ended; with its epoch, as it may be old; 0 at first
};

/// A transaction's id with its epoch. A 32-bit id of today is at most half the id space behind the next one.
uint64 WithEpoch(TransactionId xid);

/// Returns once every snapshot taken from now on contains transaction `xid`, which has committed in the
/// WAL. Serves interrupts and keepalives meanwhile. Raises object_not_in_prerequisite_state in a
/// walsender that synchronous replication counts on: the commit would wait for us and we for it.
void WaitUntilVisible(VisibilityHorizon &horizon, LogicalDecodingContext *ctx, uint64 xid);

} // namespace itemize
