#include "decoding/piece_writer.hpp"

#include <cstring>

#include "itemize/key_text.hpp"
#include "serializer/buffer.hpp"
#include "serializer/json_text.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "mb/pg_wchar.h"
}

namespace itemize {

namespace {

constexpr Size kMaxHeaderBytes = 128;   // but for the origin's name
constexpr Size kMaxLineStartBytes = 64; // but for the subject
constexpr Size kMaxTrailerBytes = 64;
constexpr int kMaxFragmentHeaderBytes = 96;
/// A buffer that one huge row has grown beyond this is given back.
constexpr int kKeptBufferBytes = 4 * static_cast<int>(kMaxPieceBytes);

char *WriteColumn(char *at, LineKind kind) {
  *at++ = static_cast<char>(kind);
  *at++ = '\t';
  return at;
}

char *WriteColumn(char *at, uint64 number) {
  at = json::WriteCount(at, number);
  *at++ = '\t';
  return at;
}

char *WriteCommitLsn(char *at, const PieceWriter &writer) {
  return WriteBlocks(at, writer.commit_lsn, writer.commit_lsn_length);
}

void SendMessage(LogicalDecodingContext *ctx, const char *prefix, int prefix_length, const char *data, int length,
                 bool last) {
  OutputPluginPrepareWrite(ctx, last);
  if (prefix_length > 0) AppendBytes(ctx->out, prefix, prefix_length);
  AppendBytes(ctx->out, data, length);
  OutputPluginWrite(ctx, last);
}

/// Sends a piece that is longer than a message may be, in parts that do not cut a character in two.
void SendFragments(const PieceWriter &writer, LogicalDecodingContext *ctx, bool last) {
  constexpr int kPayload = static_cast<int>(kMaxPieceBytes) - kMaxFragmentHeaderBytes;
  // A part ends up to 3 bytes early, before a character that would be cut: count with the shortest parts.
  int count = 0;
  for (int at = 0; at < writer.piece.len; ++count) {
    at += pg_mbcliplen(writer.piece.data + at, writer.piece.len - at, kPayload);
  }
  int at = 0;
  for (int number = 1; number <= count; ++number) {
    const int length = pg_mbcliplen(writer.piece.data + at, writer.piece.len - at, kPayload);
    char prefix[kMaxFragmentHeaderBytes];
    const int prefix_length = snprintf(prefix, sizeof(prefix), "F\t%d\t%.*s\t%d\t%d\n", kChangeEventFormat,
                                       static_cast<int>(writer.commit_lsn_length), writer.commit_lsn, number, count);
    SendMessage(ctx, prefix, prefix_length, writer.piece.data + at, length, last && number == count);
    at += length;
  }
}

void SendPiece(PieceWriter &writer, LogicalDecodingContext *ctx, LineKind trailer, uint64 last_ordinal) {
  StringInfo const piece = &writer.piece;
  const bool last = trailer == LineKind::kCommit;
  char *at = WriteColumn(Reserve(piece, kMaxTrailerBytes), trailer);
  at = WriteCommitLsn(at, writer);
  *at++ = '\t';
  at = json::WriteCount(at, last_ordinal);
  *at++ = '\n';
  Commit(piece, at);
  if (static_cast<Size>(piece->len) <= kMaxPieceBytes) {
    SendMessage(ctx, "", 0, piece->data, piece->len, last);
  } else {
    SendFragments(writer, ctx, last);
  }
}

/// Gives back a buffer that one huge row has made large, and keeps its first bytes.
void ShrinkPiece(StringInfo piece) {
  if (likely(piece->maxlen <= kKeptBufferBytes)) return;
  piece->data = static_cast<char *>(repalloc(piece->data, kKeptBufferBytes));
  piece->maxlen = kKeptBufferBytes;
}

/// Every piece begins like the first one of its transaction.
void StartNextPiece(PieceWriter &writer) {
  writer.piece.len = writer.header_length;
  ShrinkPiece(&writer.piece);
  writer.lines_in_piece = 0;
}

} // namespace

void InitializePieceWriter(PieceWriter &writer) {
  initStringInfo(&writer.piece);
  writer.last_ordinal = 0;
}

void BeginTransaction(PieceWriter &writer, Lsn commit_lsn, uint64 xid, int64 commit_time, const char *origin) {
  writer.commit_lsn_length = static_cast<Size>(WritePgLsn(writer.commit_lsn, commit_lsn) - writer.commit_lsn);
  StringInfo const piece = &writer.piece;
  resetStringInfo(piece);
  ShrinkPiece(piece);
  char *at = WriteColumn(Reserve(piece, kMaxHeaderBytes), LineKind::kBegin);
  at = WriteColumn(at, static_cast<uint64>(writer.format));
  at = WriteCommitLsn(at, writer);
  *at++ = '\t';
  at = WriteColumn(at, xid);
  at = json::WriteInt64(at, commit_time);
  *at++ = '\t';
  Commit(piece, at);
  if (origin != nullptr) {
    PercentEncodeTo({origin, std::strlen(origin)}, [piece](char c) { AppendByte(piece, c); });
  }
  AppendByte(piece, '\n');
  writer.header_length = piece->len;
  writer.last_ordinal = 0;
  writer.lines_in_piece = 0;
}

StringInfo BeginLine(PieceWriter &writer, LineKind kind, const char *subject, int subject_length) {
  StringInfo const piece = &writer.piece;
  writer.line_start = piece->len;
  char *at = Reserve(piece, kMaxLineStartBytes + static_cast<Size>(subject_length));
  at = WriteColumn(WriteColumn(at, kind), ++writer.last_ordinal);
  Commit(piece, WriteBlocks(at, subject, static_cast<Size>(subject_length)));
  return piece;
}

void CancelLine(PieceWriter &writer) {
  writer.piece.len = writer.line_start;
  --writer.last_ordinal;
}

void EndLine(PieceWriter &writer, LogicalDecodingContext *ctx) {
  StringInfo const piece = &writer.piece;
  AppendByte(piece, '\n');
  ++writer.lines_in_piece;
  if (static_cast<Size>(piece->len) + kMaxTrailerBytes <= kMaxPieceBytes || writer.lines_in_piece == 1) return;
  const int line_length = piece->len - writer.line_start;
  auto *const line = static_cast<char *>(palloc_extended(static_cast<Size>(line_length), MCXT_ALLOC_HUGE));
  std::memcpy(line, piece->data + writer.line_start, static_cast<Size>(line_length));
  piece->len = writer.line_start;
  SendPiece(writer, ctx, LineKind::kPart, writer.last_ordinal - 1);
  StartNextPiece(writer);
  AppendBytes(piece, line, line_length);
  pfree(line);
  writer.lines_in_piece = 1;
}

void EndTransaction(PieceWriter &writer, LogicalDecodingContext *ctx) {
  SendPiece(writer, ctx, LineKind::kCommit, writer.last_ordinal);
}

} // namespace itemize
