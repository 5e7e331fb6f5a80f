// itemize.token and itemize.position: what a SQL session gives a client, so that no later read of it shows less.
//
// A position is compared within its epoch only. The epoch comes from itemize.stream, which the global sidecar writes; a
// server that it has not reached since a promotion is on another timeline, and must not give out positions of the old
// one.
#include "boundary/entry.hpp"
#include "boundary/version_check.hpp"
#include "fetch/wal_flush.hpp"
#include "itemize/lsn.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "access/xact.h"
#include "access/xlog.h"
#include "executor/spi.h"
}

namespace itemize {
namespace {

void RequirePrimary() {
  if (!RecoveryInProgress()) return;
  ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("a standby gives no positions"),
                  errdetail("It may show a commit that its primary does not show yet."),
                  errhint("Ask the primary, in the session that has written.")));
}

/// The running epoch's text; null when no sidecar has ever reported one.
char *ReadEpochText() {
  MemoryContext const caller = CurrentMemoryContext;
  SPI_connect();
  const int result = SPI_execute("SELECT epoch FROM itemize.stream", true, 1);
  if (result != SPI_OK_SELECT) elog(ERROR, "could not read itemize.stream: %s", SPI_result_code_string(result));
  char *epoch = nullptr;
  if (SPI_processed > 0) {
    const char *const value = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
    if (value != nullptr) epoch = MemoryContextStrdup(caller, value);
  }
  SPI_finish();
  return epoch;
}

const char *RequireEpoch() {
  const char *const text = ReadEpochText();
  if (text == nullptr) {
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("the change stream has not begun"),
                    errhint("Start itemize-sidecar in mode global (or absolute) for this database.")));
  }
  const auto epoch = ParseEpoch(text);
  if (!epoch) elog(ERROR, "itemize.stream holds a malformed epoch: %s", text);
  if (epoch->system_identifier != GetSystemIdentifier() || epoch->timeline != compat::WrittenTimeline()) {
    ereport(ERROR,
            (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
             errmsg("the change stream has not come to this server yet"),
             errdetail("The stream is of epoch %s; this server writes timeline %u.", text, compat::WrittenTimeline()),
             errhint("The global sidecar begins a new epoch when it connects to a promoted server: ask again then.")));
  }
  return text;
}

/// `at` is flushed first: a crash must not take back what a token stands for, and issue its LSN anew.
Datum PositionText(XLogRecPtr at) {
  const char *const epoch = RequireEpoch();
  XLogFlush(at);
  PG_RETURN_TEXT_P(cstring_to_text(psprintf("%s:" UINT64_FORMAT "-0", epoch, at)));
}

} // namespace
} // namespace itemize

ITEMIZE_FUNCTION(itemize_token) {
  return itemize::Entry([&] {
    (void)fcinfo;
    itemize::CheckLibraryVersion();
    itemize::RequirePrimary();
    return itemize::PositionText(XactLastCommitEnd != InvalidXLogRecPtr ? XactLastCommitEnd
                                                                        : itemize::EndOfInsertedWal());
  });
}

ITEMIZE_FUNCTION(itemize_position) {
  return itemize::Entry([&] {
    (void)fcinfo;
    itemize::CheckLibraryVersion();
    itemize::RequirePrimary();
    return itemize::PositionText(itemize::EndOfInsertedWal());
  });
}
