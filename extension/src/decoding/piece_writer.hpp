// Change events in pieces: collects a transaction's lines and sends them in messages of bounded size.
//
// The format is that of itemize/change_event.hpp. At least one change is kept back until the transaction
// ends or the next one does not fit, so that no piece is empty and each has a stream id of its own.
#pragma once

#include "itemize/change_event.hpp"
#include "serializer/buffer.hpp"

#include "boundary/prelude.hpp"

namespace itemize {

/// Plain data, as it lives in a palloc'd state.
struct PieceWriter {
  int format;
  StringInfoData piece;
  int header_length; ///< bytes of the begin line, newline included, at the piece's start
  Size commit_lsn_length;
  char commit_lsn[2 * kCopyBlock];
  uint64 last_ordinal;
  int line_start;
  int lines_in_piece;
};

/// Buffers are taken from the current memory context.
void InitializePieceWriter(PieceWriter &writer);

/// Starts a transaction: to be called before its first line. `origin` is the name of its replication
/// origin, or null. `commit_time` in microseconds since the Unix epoch.
void BeginTransaction(PieceWriter &writer, Lsn commit_lsn, uint64 xid, int64 commit_time, const char *origin);

/// Starts a change line with its kind, ordinal and `subject`, which lies in memory to be read by WriteBlocks. The
/// caller appends the rest, without the newline, to the buffer that is returned, then calls EndLine.
StringInfo BeginLine(PieceWriter &writer, LineKind kind, const char *subject, int subject_length);

/// Takes back a line that was begun and not ended: its ordinal goes to the next one.
void CancelLine(PieceWriter &writer);

/// Ends the line; sends the changes before it when the piece would become too long with it.
void EndLine(PieceWriter &writer, LogicalDecodingContext *ctx);

/// Sends what is left of the transaction, with the word that it is complete.
void EndTransaction(PieceWriter &writer, LogicalDecodingContext *ctx);

} // namespace itemize
