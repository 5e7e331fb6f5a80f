#include "fetch/wal_flush.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "access/xlog.h"
#include "access/xlog_internal.h"
}

namespace itemize {

// At the start of a page the server gives the place behind the page's header, where the next record will begin, and
// warns of a flush up to there.
XLogRecPtr EndOfInsertedWal() {
  const XLogRecPtr insert = GetXLogInsertRecPtr();
  const uint64 offset_in_page = insert % XLOG_BLCKSZ;
  const bool first_page = XLogSegmentOffset(insert, wal_segment_size) == offset_in_page;
  const uint64 header = first_page ? SizeOfXLogLongPHD : SizeOfXLogShortPHD;
  return offset_in_page == header ? insert - header : insert;
}

void FlushVisibleCommits() {
  if (!RecoveryInProgress()) XLogFlush(EndOfInsertedWal());
}

} // namespace itemize
