// The logical decoding output plugin `itemize`: committed changes of defined tables as change events.
//
// Callbacks hold plain data only, so that the server may raise anywhere. Only tables of the catalog and
// user catalog tables are read, nothing is run through SPI, and nothing is kept outside of the contexts
// below ctx->context. Transactions are decoded when they have committed (no streaming in progress), so a
// commit LSN is known from the first line on.
#include <cstring>

#include "boundary/entry.hpp"
#include "decoding/piece_writer.hpp"
#include "decoding/relation_plans.hpp"
#include "decoding/visibility.hpp"
#include "serializer/buffer.hpp"
#include "serializer/output_settings.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "mb/pg_wchar.h"
#include "nodes/parsenodes.h"
#include "replication/origin.h"
#include "utils/timestamp.h"

ITEMIZE_EXPORT void _PG_output_plugin_init(OutputPluginCallbacks *callbacks);
}

namespace itemize {
namespace {

struct Session {
  MemoryContext change_context; ///< reset after each change
  RelationPlans plans;
  PieceWriter writer;
  VisibilityHorizon horizon;
  StringInfoData old_key;
  StringInfoData new_key;
  StringInfoData member_lengths;
  int64 forgotten;           ///< generation whose rows the last line told to forget, else 0
  bool begun;                ///< the transaction at hand has a change of ours
  bool settings_for_session; ///< set once, as in a walsender
  bool settings_pinned;      ///< for the transaction at hand
  int skipped_changes;       ///< since progress was reported last
};

Session &GetSession(LogicalDecodingContext *ctx) { return *static_cast<Session *>(ctx->output_plugin_private); }

void CheckOptions(List *options) {
  ListCell *cell;
  foreach (cell, options) {
    auto *const option = static_cast<DefElem *>(lfirst(cell));
    if (std::strcmp(option->defname, "version") != 0) {
      ereport(ERROR,
              (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
               errmsg("output plugin \"itemize\" has no option \"%s\"", option->defname),
               errhint("The only option is \"version\", the format of the change events: '%d'.", kChangeEventFormat)));
    }
    const char *const value = option->arg != nullptr ? strVal(option->arg) : "";
    char expected[16];
    snprintf(expected, sizeof(expected), "%d", kChangeEventFormat);
    if (std::strcmp(value, expected) != 0) {
      ereport(ERROR,
              (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
               errmsg("output plugin \"itemize\" cannot write change events of version \"%s\"", value),
               errhint("This library writes version '%d'; the consumer and the extension must be of like versions.",
                       kChangeEventFormat)));
    }
  }
}

void Startup(LogicalDecodingContext *ctx, OutputPluginOptions *options, bool /*is_init*/) {
  if (GetDatabaseEncoding() != PG_UTF8) {
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("output plugin \"itemize\" works in UTF-8 databases only, this one is in %s",
                           GetDatabaseEncodingName()),
                    errhint("Create the database with ENCODING 'UTF8'.")));
  }
  CheckOptions(ctx->output_plugin_options);
  options->output_type = OUTPUT_PLUGIN_TEXTUAL_OUTPUT;
  options->receive_rewrites = false;

  MemoryContext const caller = MemoryContextSwitchTo(ctx->context);
  auto *const session = static_cast<Session *>(palloc0(sizeof(Session)));
  session->change_context = AllocSetContextCreate(ctx->context, "itemize change", ALLOCSET_DEFAULT_SIZES);
  MemoryContext const plans_context = AllocSetContextCreate(ctx->context, "itemize plans", ALLOCSET_DEFAULT_SIZES);
  OpenRelationPlans(session->plans, plans_context);
  InitializePieceWriter(session->writer);
  initStringInfo(&session->old_key);
  initStringInfo(&session->new_key);
  initStringInfo(&session->member_lengths);
  MemoryContextSwitchTo(caller);
  ctx->output_plugin_private = session;

  // A walsender's session is ours alone. Through the SQL functions it is the user's.
  session->settings_for_session = !IsTransactionState();
  if (session->settings_for_session) SetOutputSettingsForSession();
}

void PinSettings(Session &session, const RelationPlan &plan) {
  if (session.settings_for_session || session.settings_pinned || !plan.depends_on_settings) return;
  PinOutputSettingsInTransaction(); // until the server ends the transaction it decodes in
  session.settings_pinned = true;
}

/// Before a transaction's first line. Waiting here, not in the commit callback, holds back the pieces that
/// are sent before the commit too; decoding has begun only after the commit record was read.
void EnsureBegun(Session &session, LogicalDecodingContext *ctx, ReorderBufferTXN *txn) {
  if (session.begun) return;
  const uint64 xid = WithEpoch(txn->xid);
  WaitUntilVisible(session.horizon, ctx, xid);
  char *origin = nullptr;
  if (txn->origin_id != InvalidRepOriginId) (void)replorigin_by_oid(txn->origin_id, true, &origin);
  constexpr int64 kUnixEpoch = (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
  BeginTransaction(session.writer, txn->end_lsn, xid, compat::CommitTime(txn) + kUnixEpoch, origin);
  session.begun = true;
}

void WriteTruncate(Session &session, LogicalDecodingContext *ctx, const RelationPlan &plan) {
  // TRUNCATE names the partitioned table and each partition; a table of which no row can be told says it in each
  // change.
  if (session.forgotten == plan.generation) return;
  (void)BeginLine(session.writer, LineKind::kTruncate, plan.subject, plan.subject_length);
  EndLine(session.writer, ctx);
  session.forgotten = plan.generation;
}

void WriteDelete(Session &session, LogicalDecodingContext *ctx, const RelationPlan &plan) {
  session.forgotten = 0;
  StringInfo const line = BeginLine(session.writer, LineKind::kDelete, plan.subject, plan.subject_length);
  AppendByte(line, '\t');
  AppendBytes(line, session.old_key.data, session.old_key.len);
  EndLine(session.writer, ctx);
}

void WriteRow(Session &session, LogicalDecodingContext *ctx, const RelationPlan &plan, LineKind kind,
              const RowValues *old_row) {
  session.forgotten = 0;
  StringInfo const line = BeginLine(session.writer, kind, plan.subject, plan.subject_length);
  AppendByte(line, '\t');
  EncodeKey(*plan.encoder, plan.new_row, old_row, line);
  AppendByte(line, '\t');
  resetStringInfo(&session.member_lengths);
  if (likely(RowBytes(*plan.encoder, plan.new_row) <= kMaxRowBytes)) {
    EncodeRow(*plan.encoder, plan.new_row, old_row, line, &session.member_lengths);
  } else {
    EncodeAbsentRow(*plan.encoder, line, &session.member_lengths);
  }
  AppendByte(line, '\t');
  AppendBytes(line, session.member_lengths.data, session.member_lengths.len);
  EndLine(session.writer, ctx);
}

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

void WriteItemChange(Session &session, LogicalDecodingContext *ctx, const RelationPlan &plan, TupleDesc description,
                     ReorderBufferChange *change) {
  HeapTuple const old_tuple = compat::OldTuple(change);
  HeapTuple const new_tuple = compat::NewTuple(change);
  const RowValues *const old_row = old_tuple != nullptr ? &plan.old_row : nullptr;
  if (old_tuple != nullptr) heap_deform_tuple(old_tuple, description, plan.old_row.values, plan.old_row.nulls);
  if (new_tuple != nullptr) heap_deform_tuple(new_tuple, description, plan.new_row.values, plan.new_row.nulls);
  // A table whose identity does not tell the key (any more): which row it was is unknown, so every copy is read anew.
  const bool key_may_differ =
      change->action == REORDER_BUFFER_CHANGE_UPDATE && old_row == nullptr && !plan.identity_tells_key;
  const bool known = !key_may_differ && (old_row == nullptr || IsKeyKnown(*plan.encoder, *old_row, nullptr)) &&
                     (new_tuple == nullptr ? old_row != nullptr : IsKeyKnown(*plan.encoder, plan.new_row, old_row));
  if (unlikely(!known)) return WriteTruncate(session, ctx, plan);
  if (new_tuple == nullptr) {
    MakeKey(plan, *old_row, nullptr, &session.old_key);
    return WriteDelete(session, ctx, plan);
  }
  const bool inserted = change->action == REORDER_BUFFER_CHANGE_INSERT;
  const bool key_changed = !inserted && old_row != nullptr && KeyChanged(session, plan);
  if (key_changed) WriteDelete(session, ctx, plan);
  WriteRow(session, ctx, plan, inserted || key_changed ? LineKind::kInsert : LineKind::kUpdate, old_row);
}

/// A row of itemize.item_type that came, changed or went: the clusters learn of it in stream order.
void WriteDefinitionChange(Session &session, LogicalDecodingContext *ctx, const RelationPlan &plan,
                           TupleDesc description, ReorderBufferChange *change) {
  HeapTuple const tuple = compat::NewTuple(change) != nullptr ? compat::NewTuple(change) : compat::OldTuple(change);
  if (tuple == nullptr) return;
  const bool gone = compat::NewTuple(change) == nullptr;
  session.forgotten = 0;
  const RowValues &row = plan.new_row;
  heap_deform_tuple(tuple, description, row.values, row.nulls);
  StringInfo const line = BeginLine(session.writer, LineKind::kDefinition, "", 0);
  appendStringInfoString(line, TextDatumGetCString(row.values[kItemTypeName - 1]));
  appendStringInfo(line, "\t" INT64_FORMAT "\t", DatumGetInt64(row.values[kItemTypeGeneration - 1]));
  if (gone) {
    AppendBytes(line, kUndefinedRead.data(), static_cast<int>(kUndefinedRead.size()));
  } else {
    appendStringInfoString(line, TextDatumGetCString(row.values[kItemTypeRead - 1]));
  }
  EndLine(session.writer, ctx);
}

/// A transaction of which nothing is ours may be long; its walsender must not seem dead.
void ReportProgressNowAndThen(Session &session, LogicalDecodingContext *ctx) {
  constexpr int kChangesBetweenReports = 100;
  if (++session.skipped_changes < kChangesBetweenReports) return;
  session.skipped_changes = 0;
  compat::UpdateProgress(ctx, false);
}

void ChangeRow(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, Relation relation, ReorderBufferChange *change) {
  Session &session = GetSession(ctx);
  const RelationPlan &plan = GetRelationPlan(session.plans, relation);
  if (plan.kind == RelationKind::kUnrelated) return ReportProgressNowAndThen(session, ctx);
  MemoryContext const caller = MemoryContextSwitchTo(session.change_context);
  EnsureBegun(session, ctx, txn);
  PinSettings(session, plan);
  if (plan.kind == RelationKind::kItems) {
    WriteItemChange(session, ctx, plan, RelationGetDescr(relation), change);
  } else {
    WriteDefinitionChange(session, ctx, plan, RelationGetDescr(relation), change);
  }
  MemoryContextSwitchTo(caller);
  MemoryContextReset(session.change_context);
}

void Truncate(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, int relation_count, Relation relations[]) {
  Session &session = GetSession(ctx);
  MemoryContext const caller = MemoryContextSwitchTo(session.change_context);
  for (int i = 0; i < relation_count; ++i) {
    const RelationPlan &plan = GetRelationPlan(session.plans, relations[i]);
    if (plan.kind != RelationKind::kItems) continue;
    EnsureBegun(session, ctx, txn);
    WriteTruncate(session, ctx, plan);
  }
  MemoryContextSwitchTo(caller);
  MemoryContextReset(session.change_context);
}

void EndDecodedTransaction(LogicalDecodingContext *ctx) {
  Session &session = GetSession(ctx);
  const bool skipped = !session.begun;
  if (!skipped) {
    // What the server's writer allocates for a message would else live as long as the session.
    MemoryContext const caller = MemoryContextSwitchTo(session.change_context);
    EndTransaction(session.writer, ctx);
    MemoryContextSwitchTo(caller);
    MemoryContextReset(session.change_context);
  }
  session.begun = false;
  compat::UpdateProgress(ctx, skipped);
}

} // namespace
} // namespace itemize

// The callbacks, each one guarded call.
extern "C" {

static void StartupCallback(LogicalDecodingContext *ctx, OutputPluginOptions *options, bool is_init) {
  itemize::Entry([&] { itemize::Startup(ctx, options, is_init); });
}

static void BeginCallback(LogicalDecodingContext *ctx, ReorderBufferTXN * /*txn*/) {
  itemize::Entry([&] {
    itemize::GetSession(ctx).begun = false;
    itemize::GetSession(ctx).settings_pinned = false;
    itemize::GetSession(ctx).forgotten = 0;
  });
}

static void ChangeCallback(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, Relation relation,
                           ReorderBufferChange *change) {
  itemize::Entry([&] { itemize::ChangeRow(ctx, txn, relation, change); });
}

static void TruncateCallback(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, int relation_count,
                             Relation relations[], ReorderBufferChange * /*change*/) {
  itemize::Entry([&] { itemize::Truncate(ctx, txn, relation_count, relations); });
}

static void CommitCallback(LogicalDecodingContext *ctx, ReorderBufferTXN * /*txn*/, XLogRecPtr /*commit_lsn*/) {
  itemize::Entry([&] { itemize::EndDecodedTransaction(ctx); });
}

} // extern "C"

void _PG_output_plugin_init(OutputPluginCallbacks *callbacks) {
  callbacks->startup_cb = StartupCallback;
  callbacks->begin_cb = BeginCallback;
  callbacks->change_cb = ChangeCallback;
  callbacks->truncate_cb = TruncateCallback;
  callbacks->commit_cb = CommitCallback;
}
