#include "decoding/visibility.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "access/xlog.h"
#include "pgstat.h"
#include "replication/walsender.h"
#include "replication/walsender_private.h"
#include "storage/latch.h"
#include "storage/procarray.h"
#include "utils/guc.h"
}

namespace itemize {

namespace {

/// The gap between flush and visibility is microseconds long unless a synchronous standby is waited for.
constexpr int kBusyLooks = 50;
constexpr long kPauseBetweenBusyLooks = 20; // microseconds
constexpr long kPauseBetweenLooks = 2;      // milliseconds

void RefuseSynchronousWalsender() {
  if (!am_walsender || MyWalSnd == nullptr || MyWalSnd->sync_standby_priority == 0) return;
  ereport(ERROR,
          (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
           errmsg("output plugin \"itemize\" cannot serve a synchronous standby (application_name \"%s\")",
                  application_name),
           errdetail("A commit would wait for this walsender, which waits for the commit to be visible."),
           errhint("Take this application_name out of synchronous_standby_names, or give the consumer another.")));
}

bool HasEnded(VisibilityHorizon &horizon, uint64 xid) {
  if (xid < horizon.oldest_running) return true;
  // Asking for the horizon first keeps TransactionIdIsInProgress from looking into pages of pg_subtrans
  // that may have been truncated: for a transaction not older than the horizon they are there.
  horizon.oldest_running = WithEpoch(GetOldestActiveTransactionId());
  if (xid < horizon.oldest_running) return true;
  return !TransactionIdIsInProgress(static_cast<TransactionId>(xid));
}

} // namespace

uint64 WithEpoch(TransactionId xid) {
  const FullTransactionId next = ReadNextFullTransactionId();
  uint32 epoch = EpochFromFullTransactionId(next);
  if (xid > XidFromFullTransactionId(next)) --epoch;
  return U64FromFullTransactionId(FullTransactionIdFromEpochAndXid(epoch, xid));
}

void WaitUntilVisible(VisibilityHorizon &horizon, LogicalDecodingContext *ctx, uint64 xid) {
  RefuseSynchronousWalsender();
  // A standby replays a commit whole before it lets anyone decode it.
  if (RecoveryInProgress()) return;
  for (int looks = 0; !HasEnded(horizon, xid); ++looks) {
    CHECK_FOR_INTERRUPTS();
    if (looks < kBusyLooks) {
      pg_usleep(kPauseBetweenBusyLooks);
      continue;
    }
    RefuseSynchronousWalsender();
    (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, kPauseBetweenLooks, PG_WAIT_EXTENSION);
    ResetLatch(MyLatch);
    compat::UpdateProgress(ctx, false);
  }
}

} // namespace itemize
