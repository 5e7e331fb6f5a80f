#include "decoding/item_changes.hpp"

#include <cstring>

#include "boundary/subtransaction.hpp"
#include "serializer/buffer.hpp"
#include "serializer/former_values.hpp"
#include "serializer/row_limit.hpp"

#include "boundary/prelude.hpp"

namespace itemize {

namespace {

/// What a change comes to, once its row, and its old key if it is deleted, are in the session's buffers.
struct ItemChange {
  bool known;           ///< which row it was; else all copies have to be read anew
  bool deletes;         ///< the row under the key in session.old_key
  bool has_row;         ///< there is one now, in plan.new_row
  LineKind row_kind;    ///< insert or update
  const RowValues *old; ///< null when the log does not have it
  bool tells_former;    ///< what the row was is in session.former
};

void MakeKey(const RelationPlan &plan, const RowValues &row, const RowValues *fallback, StringInfo key) {
  resetStringInfo(key);
  EncodeKey(*plan.encoder, row, fallback, key);
}

bool KeyChanged(Session &session, const RelationPlan &plan) {
  MakeKey(plan, plan.old_row, nullptr, &session.old_key);
  MakeKey(plan, plan.new_row, &plan.old_row, &session.new_key);
  return session.old_key.len != session.new_key.len ||
         std::memcmp(session.old_key.data, session.new_key.data, static_cast<Size>(session.new_key.len)) != 0;
}

/// Whether the owner can be told: he is not left in the TOAST table where `fallback` (may be null) does not have him.
bool IsOwnerKnown(const RelationPlan &plan, const RowValues &row, const RowValues *fallback) {
  if (likely(plan.owner == nullptr)) return true;
  const int column = plan.owner->column;
  if (row.nulls[column] || !IsAbsent(plan.owner->value, row.values[column])) return true;
  return fallback != nullptr && !fallback->nulls[column] && !IsAbsent(plan.owner->value, fallback->values[column]);
}

/// As a D line has it: empty when it is nobody's.
void MakeOwner(const RelationPlan &plan, const RowValues &row, const RowValues *fallback, StringInfo owner) {
  resetStringInfo(owner);
  const int column = plan.owner->column;
  if (row.nulls[column]) return;
  const bool absent = IsAbsent(plan.owner->value, row.values[column]);
  EncodeKeyValue(plan.owner->value, absent ? fallback->values[column] : row.values[column], owner);
}

/// One who had the item and has it no more is told that it is gone, and not whose it is now.
bool OwnerChanged(Session &session, const RelationPlan &plan) {
  if (likely(plan.owner == nullptr)) return false;
  MakeOwner(plan, plan.old_row, nullptr, &session.old_owner);
  MakeOwner(plan, plan.new_row, &plan.old_row, &session.new_owner);
  return session.old_owner.len != session.new_owner.len ||
         std::memcmp(session.old_owner.data, session.new_owner.data, static_cast<Size>(session.new_owner.len)) != 0;
}

ItemChange ReadItemChange(Session &session, const RelationPlan &plan, TupleDesc description,
                          ReorderBufferChange *change) {
  HeapTuple const old_tuple = compat::OldTuple(change);
  HeapTuple const new_tuple = compat::NewTuple(change);
  ItemChange item{};
  item.old = old_tuple != nullptr ? &plan.old_row : nullptr;
  if (old_tuple != nullptr) heap_deform_tuple(old_tuple, description, plan.old_row.values, plan.old_row.nulls);
  if (new_tuple != nullptr) heap_deform_tuple(new_tuple, description, plan.new_row.values, plan.new_row.nulls);
  // A table whose identity does not tell the key (any more): which row it was is unknown.
  const bool key_may_differ =
      change->action == REORDER_BUFFER_CHANGE_UPDATE && item.old == nullptr && !plan.identity_tells_key;
  item.known = !key_may_differ && (item.old == nullptr || IsKeyKnown(*plan.encoder, *item.old, nullptr)) &&
               (new_tuple == nullptr ? item.old != nullptr : IsKeyKnown(*plan.encoder, plan.new_row, item.old));
  const bool owner_may_differ = change->action != REORDER_BUFFER_CHANGE_INSERT && !plan.identity_tells_owner;
  item.known = item.known && !owner_may_differ && (item.old == nullptr || IsOwnerKnown(plan, *item.old, nullptr)) &&
               (new_tuple == nullptr || IsOwnerKnown(plan, plan.new_row, item.old));
  if (unlikely(!item.known)) return item;
  if (new_tuple == nullptr) {
    MakeKey(plan, *item.old, nullptr, &session.old_key);
    if (plan.owner != nullptr) MakeOwner(plan, *item.old, nullptr, &session.old_owner);
    item.deletes = true;
    return item;
  }
  const bool inserted = change->action == REORDER_BUFFER_CHANGE_INSERT;
  item.has_row = true;
  if (!inserted && item.old != nullptr) {
    const bool owner_changed = OwnerChanged(session, plan);
    item.deletes = KeyChanged(session, plan) || owner_changed;
  }
  item.row_kind = inserted || item.deletes ? LineKind::kInsert : LineKind::kUpdate;
  return item;
}

/// Puts into session.former what the row was, if the log has all of it and the reader knows the column.
void MakeFormer(Session &session, const RelationPlan &plan, ItemChange &item) {
  item.tells_former = false;
  if (likely(!plan.identity_is_full) || session.writer.format < kFormerFormat) return;
  if (!item.known || item.old == nullptr) return;
  resetStringInfo(&session.former);
  // A row under another key, or another's, is a new one.
  const RowValues *const newer = item.has_row && !item.deletes ? &plan.new_row : nullptr;
  item.tells_former = EncodeFormer(*plan.encoder, *item.old, newer, &session.former);
}

void AppendFormer(const Session &session, StringInfo line) {
  AppendByte(line, '\t');
  AppendBytes(line, session.former.data, session.former.len);
}

void WriteDelete(Session &session, LogicalDecodingContext *ctx, const RelationPlan &plan, const ItemChange &item) {
  session.forgotten = 0;
  StringInfo const line = BeginLine(session.writer, LineKind::kDelete, plan.subject, plan.subject_length);
  AppendByte(line, '\t');
  AppendBytes(line, session.old_key.data, session.old_key.len);
  if (plan.owner != nullptr && session.writer.format >= kOwnerFormat) {
    AppendByte(line, '\t');
    AppendBytes(line, session.old_owner.data, session.old_owner.len);
  }
  if (item.tells_former) AppendFormer(session, line);
  EndLine(session.writer, ctx);
}

/// `reason`: a stable word first; nothing of the row.
void WriteSetAside(Session &session, LogicalDecodingContext *ctx, const char *subject, int subject_length,
                   const char *reason) {
  session.forgotten = 0; // what makes readers drop their copies stands directly behind it, always
  StringInfo const line = BeginLine(session.writer, LineKind::kSetAside, subject, subject_length);
  AppendByte(line, '\t');
  AppendBytes(line, reason, static_cast<int>(std::strlen(reason)));
  EndLine(session.writer, ctx);
}

void EndRowLine(Session &session, LogicalDecodingContext *ctx, StringInfo line, const ItemChange *item) {
  AppendByte(line, '\t');
  AppendBytes(line, session.member_lengths.data, session.member_lengths.len);
  // Of a row that is inserted in place of another the deletion in front tells it.
  if (item != nullptr && item->tells_former && item->row_kind == LineKind::kUpdate) AppendFormer(session, line);
  EndLine(session.writer, ctx);
}

/// The row under the key in session.new_key, without its members.
void WriteAbsentRow(Session &session, LogicalDecodingContext *ctx, const RelationPlan &plan, LineKind kind) {
  session.forgotten = 0;
  StringInfo const line = BeginLine(session.writer, kind, plan.subject, plan.subject_length);
  AppendByte(line, '\t');
  AppendBytes(line, session.new_key.data, session.new_key.len);
  AppendByte(line, '\t');
  resetStringInfo(&session.member_lengths);
  EncodeAbsentRow(*plan.encoder, line, &session.member_lengths);
  EndRowLine(session, ctx, line, nullptr);
}

/// Appends the row to `out`. False, and nothing of use there, when it is over the limit; then `bytes` says how long it
/// is at least.
bool EncodeRowWithinLimit(Session &session, const RelationPlan &plan, const ItemChange &item, StringInfo out,
                          Size &bytes) {
  const auto limit = static_cast<Size>(MaxRowBytes());
  resetStringInfo(&session.member_lengths);
  bytes = LeastRowBytes(*plan.encoder, plan.new_row);
  if (unlikely(bytes > limit)) return false;
  const int start = out->len;
  EncodeRow(*plan.encoder, plan.new_row, item.old, out, &session.member_lengths);
  bytes = static_cast<Size>(out->len - start);
  return likely(bytes <= limit);
}

void SetAsideTooLarge(Session &session, LogicalDecodingContext *ctx, const RelationPlan &plan, LineKind kind,
                      Size bytes) {
  WriteSetAside(session, ctx, plan.subject, plan.subject_length,
                psprintf("too_large at least %zu bytes, the limit is %d", bytes, MaxRowBytes()));
  WriteAbsentRow(session, ctx, plan, kind);
}

/// The row straight into the piece.
void WriteRow(Session &session, LogicalDecodingContext *ctx, const RelationPlan &plan, const ItemChange &item) {
  session.forgotten = 0;
  StringInfo const line = BeginLine(session.writer, item.row_kind, plan.subject, plan.subject_length);
  AppendByte(line, '\t');
  EncodeKey(*plan.encoder, plan.new_row, item.old, line);
  AppendByte(line, '\t');
  Size bytes;
  if (likely(EncodeRowWithinLimit(session, plan, item, line, bytes))) return EndRowLine(session, ctx, line, &item);
  CancelLine(session.writer);
  MakeKey(plan, plan.new_row, item.old, &session.new_key);
  SetAsideTooLarge(session, ctx, plan, item.row_kind, bytes);
}

/// An output function may raise any code, also that of a cancellation. What else ends a session of the server's own
/// accord is FATAL and does not come here.
constexpr int kCancellationsOfAChange = 3;

/// Whether somebody has asked for it: raised where the server obeys (ProcessInterrupts of tcop/postgres.c), or by a
/// library that looks for requests by itself, and then the request still waits.
bool IsAskedFor(const ErrorData *cancellation) {
  if (QueryCancelPending || ProcDiePending) return true;
  return cancellation->funcname != nullptr && std::strcmp(cancellation->funcname, "ProcessInterrupts") == 0;
}

/// What `body` raises, null when it came through; it can be run again. Raises a cancellation that is not the change's
/// own: a request that some function has taken and raised anew does not come again with the next attempt.
template <typename Body>
ErrorData *TryEncoding(Body &&body) {
  ErrorData *const error = TryInSubtransaction(body);
  if (error == nullptr || error->sqlerrcode != ERRCODE_QUERY_CANCELED) return error;
  ErrorData *last = error;
  for (int times = 1; times < kCancellationsOfAChange; ++times) {
    if (IsAskedFor(last)) ReThrowError(last);
    last = TryInSubtransaction(body);
    if (last == nullptr || last->sqlerrcode != ERRCODE_QUERY_CANCELED) ReThrowError(error);
  }
  if (IsAskedFor(last)) ReThrowError(last);
  return error;
}

/// Tells the server's log what only it may know: the message may show parts of the row.
const char *ReportSetAside(Session &session, const char *type, const ReorderBufferChange *change,
                           const ErrorData *error) {
  session.careful_transactions = kCarefulTransactions;
  const char *const sqlstate = unpack_sql_state(error->sqlerrcode);
  ereport(LOG, (errcode(error->sqlerrcode),
                errmsg("output plugin \"itemize\" sets aside a change of item type \"%s\" at %X/%X", type,
                       static_cast<uint32>(change->lsn >> 32U), static_cast<uint32>(change->lsn)),
                errdetail("Its encoding failed: %s", error->message), errhidestmt(true)));
  return psprintf("encode_failed SQLSTATE %s", sqlstate);
}

} // namespace

void WriteTruncate(Session &session, LogicalDecodingContext *ctx, const RelationPlan &plan) {
  // TRUNCATE names the partitioned table and each partition; a table of which no row can be told says it in each
  // change.
  if (session.forgotten == plan.generation) return;
  (void)BeginLine(session.writer, LineKind::kTruncate, plan.subject, plan.subject_length);
  EndLine(session.writer, ctx);
  session.forgotten = plan.generation;
}

void WriteItemChange(Session &session, LogicalDecodingContext *ctx, const RelationPlan &plan, TupleDesc description,
                     ReorderBufferChange *change) {
  ItemChange item = ReadItemChange(session, plan, description, change);
  if (unlikely(!item.known)) return WriteTruncate(session, ctx, plan);
  MakeFormer(session, plan, item);
  if (item.deletes) WriteDelete(session, ctx, plan, item);
  if (item.has_row) WriteRow(session, ctx, plan, item);
}

void WriteItemChangeCarefully(Session &session, LogicalDecodingContext *ctx, const RelationPlan &plan,
                              TupleDesc description, ReorderBufferChange *change) {
  // Only into buffers: what is sent, is sent outside of the subtransaction.
  StringInfoData row;
  initStringInfo(&row);
  ItemChange item{};
  Size bytes = 0;
  bool fits = true;
  ErrorData *const error = TryEncoding([&] {
    resetStringInfo(&row);
    item = ReadItemChange(session, plan, description, change);
    if (!item.has_row) return;
    MakeKey(plan, plan.new_row, item.old, &session.new_key);
    fits = EncodeRowWithinLimit(session, plan, item, &row, bytes);
  });
  if (error != nullptr) {
    const char *const type = psprintf("%.*s", static_cast<int>(std::strcspn(plan.subject, "\t")), plan.subject);
    WriteSetAside(session, ctx, plan.subject, plan.subject_length, ReportSetAside(session, type, change, error));
    // Once more without the row: mostly the key can be told.
    ErrorData *const key_error = TryEncoding([&] {
      item = ReadItemChange(session, plan, description, change);
      if (item.has_row) MakeKey(plan, plan.new_row, item.old, &session.new_key);
    });
    if (key_error != nullptr) item.known = false;
  }
  if (!item.known) return WriteTruncate(session, ctx, plan);
  // By itself: a value that the row no longer has keeps nothing else from being told.
  if (TryEncoding([&] { MakeFormer(session, plan, item); }) != nullptr) item.tells_former = false;
  if (item.deletes) WriteDelete(session, ctx, plan, item);
  if (!item.has_row) return;
  if (error != nullptr) return WriteAbsentRow(session, ctx, plan, item.row_kind);
  if (!fits) return SetAsideTooLarge(session, ctx, plan, item.row_kind, bytes);
  session.forgotten = 0;
  StringInfo const line = BeginLine(session.writer, item.row_kind, plan.subject, plan.subject_length);
  AppendByte(line, '\t');
  AppendBytes(line, session.new_key.data, session.new_key.len);
  AppendByte(line, '\t');
  AppendBytes(line, row.data, row.len);
  EndRowLine(session, ctx, line, &item);
}

const RelationPlan *GetRelationPlanCarefully(Session &session, Relation relation, const ReorderBufferChange *change,
                                             UnplannedItems &unplanned) {
  const RelationPlan *plan = nullptr;
  ErrorData *const error = TryEncoding([&] { plan = &GetRelationPlan(session.plans, relation); });
  if (error == nullptr) return plan;
  // The library is the wrong one: CheckLibraryIsNotOlder.
  const bool wrong_library = error->sqlerrcode == ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE;
  if (wrong_library) ReThrowError(error);
  const Oid oid = RelationGetRelid(relation);
  const ItemDefinition *definition = nullptr;
  ErrorData *const again = TryInSubtransaction([&] { definition = FindDefinitionOfTable(oid); });
  // Not even which type it is: nothing could be told to anybody.
  if (again != nullptr || definition == nullptr) ReThrowError(error);
  StringInfoData subject;
  initStringInfo(&subject);
  appendStringInfo(&subject, "%s\t" INT64_FORMAT, NameStr(definition->type), definition->generation);
  unplanned.subject_length = subject.len;
  (void)Reserve(&subject, kCopyBlock);
  unplanned.subject = subject.data;
  unplanned.reason = ReportSetAside(session, NameStr(definition->type), change, error);
  return nullptr;
}

void WriteUnplanned(Session &session, LogicalDecodingContext *ctx, const UnplannedItems &unplanned) {
  WriteSetAside(session, ctx, unplanned.subject, unplanned.subject_length, unplanned.reason);
  (void)BeginLine(session.writer, LineKind::kTruncate, unplanned.subject, unplanned.subject_length);
  EndLine(session.writer, ctx);
}

} // namespace itemize
