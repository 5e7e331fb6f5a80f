// The logical decoding output plugin `itemize`: committed changes of defined tables as change events.
//
// Callbacks hold plain data only, so that the server may raise anywhere. Only tables of the catalog and
// user catalog tables are read, nothing is run through SPI, and nothing is kept outside of the contexts
// below ctx->context. Transactions are decoded when they have committed (no streaming in progress), so a
// commit LSN is known from the first line on.
#include <cstring>

#include "boundary/entry.hpp"
#include "boundary/version_check.hpp"
#include "decoding/item_changes.hpp"
#include "decoding/session.hpp"
#include "itemize/read_rule.hpp"
#include "publish/sealed_message.hpp"
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

struct Options {
  int format = kChangeEventFormat;
  bool careful = false;
};

[[noreturn]] void RefuseOption(const char *name) {
  ereport(
      ERROR,
      (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("output plugin \"itemize\" has no option \"%s\"", name),
       errhint(
           "The options are \"version\", the format of the change events: '%d', '%d' or '%d', and \"careful\": '0' or "
           "'1'.",
           kChangeEventFormat, kOwnerFormat, kFormerFormat)));
  pg_unreachable();
}

int ParseFormat(const char *value) {
  for (const int format : {kChangeEventFormat, kOwnerFormat, kFormerFormat}) {
    char expected[16];
    snprintf(expected, sizeof(expected), "%d", format);
    if (std::strcmp(value, expected) == 0) return format;
  }
  ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                  errmsg("output plugin \"itemize\" cannot write change events of version \"%s\"", value),
                  errhint("This library writes versions '%d', '%d' and '%d'; the consumer and the extension must be of "
                          "like versions.",
                          kChangeEventFormat, kOwnerFormat, kFormerFormat)));
  pg_unreachable();
}

bool ParseCareful(const char *value) {
  if (std::strcmp(value, "0") != 0 && std::strcmp(value, "1") != 0) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("option \"careful\" of output plugin \"itemize\" cannot be \"%s\"", value),
                    errhint("Give '1' to set aside changes that cannot be encoded, or '0'.")));
  }
  return value[0] == '1';
}

Options ReadOptions(List *list) {
  Options options{};
  ListCell *cell;
  foreach (cell, list) {
    auto *const option = static_cast<DefElem *>(lfirst(cell));
    const char *const value = option->arg != nullptr ? strVal(option->arg) : "";
    if (std::strcmp(option->defname, "version") == 0) {
      options.format = ParseFormat(value);
    } else if (std::strcmp(option->defname, "careful") == 0) {
      options.careful = ParseCareful(value);
    } else {
      RefuseOption(option->defname);
    }
  }
  return options;
}

void Startup(LogicalDecodingContext *ctx, OutputPluginOptions *options, bool is_init) {
  if (GetDatabaseEncoding() != PG_UTF8) {
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("output plugin \"itemize\" works in UTF-8 databases only, this one is in %s",
                           GetDatabaseEncodingName()),
                    errhint("Create the database with ENCODING 'UTF8'.")));
  }
  const Options chosen = ReadOptions(ctx->output_plugin_options);
  // A slot may be made before the extension is there, or while it is being upgraded: nothing is read or sent yet.
  if (!is_init) CheckLibraryVersionForDecoding();
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
  initStringInfo(&session->old_owner);
  initStringInfo(&session->new_owner);
  initStringInfo(&session->former);
  session->writer.format = chosen.format;
  initStringInfo(&session->member_lengths);
  MemoryContextSwitchTo(caller);
  session->careful_transactions = chosen.careful ? kCarefulTransactions : 0;
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
  if (session.careful_transactions > 0) --session.careful_transactions;
}

/// Behind a definition's read access, what it says to caches.
void AppendCacheControl(StringInfo line, const char *type) {
  const char *directives = FindCacheControl(type);
  if (directives == nullptr) return;
  AppendByte(line, kCacheControlMark);
  for (; *directives != '\0'; ++directives) {
    if (*directives != ' ') AppendByte(line, *directives);
  }
}

/// A row of itemize.item_type or itemize.topic that came, changed or went: the clusters learn of it in stream order.
void WriteDefinitionChange(Session &session, LogicalDecodingContext *ctx, const RelationPlan &plan,
                           TupleDesc description, ReorderBufferChange *change) {
  HeapTuple const tuple = compat::NewTuple(change) != nullptr ? compat::NewTuple(change) : compat::OldTuple(change);
  if (tuple == nullptr) return;
  const bool gone = compat::NewTuple(change) == nullptr;
  session.forgotten = 0;
  const RowValues &row = plan.new_row;
  heap_deform_tuple(tuple, description, row.values, row.nulls);
  const bool topic = plan.kind == RelationKind::kTopicCatalog;
  static_assert(int{kItemTypeName} == int{kTopicName});
  const int generation_column = topic ? int{kTopicGeneration} : int{kItemTypeGeneration};
  const int read_column = topic ? int{kTopicRead} : int{kItemTypeRead};
  StringInfo const line = BeginLine(session.writer, LineKind::kDefinition, "", 0);
  if (topic) AppendByte(line, kTopicMark);
  appendStringInfoString(line, TextDatumGetCString(row.values[kItemTypeName - 1]));
  appendStringInfo(line, "\t" INT64_FORMAT "\t", DatumGetInt64(row.values[generation_column - 1]));
  if (gone) {
    AppendBytes(line, kUndefinedRead.data(), static_cast<int>(kUndefinedRead.size()));
  } else {
    const char *const read = TextDatumGetCString(row.values[read_column - 1]);
    appendStringInfoString(line, read);
    if (!topic && kReadOwner == read) {
      // Which field that is. All columns of a definition are written before this row is.
      const ItemDefinition *const definition =
          FindDefinitionByType(TextDatumGetCString(row.values[kItemTypeName - 1]), nullptr);
      const bool told = definition != nullptr && definition->owner != nullptr;
      const char *const owner = told ? NameStr(definition->owner->name) : "";
      appendStringInfo(line, ":%s", IsPlainName(owner) ? owner : "");
    }
    if (!topic && session.writer.format >= kOwnerFormat) {
      AppendCacheControl(line, TextDatumGetCString(row.values[kItemTypeName - 1]));
    }
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

void ChangeRowCarefully(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, Relation relation,
                        ReorderBufferChange *change) {
  Session &session = GetSession(ctx);
  MemoryContext const caller = MemoryContextSwitchTo(session.change_context);
  UnplannedItems unplanned{};
  const RelationPlan *const plan = GetRelationPlanCarefully(session, relation, change, unplanned);
  if (plan == nullptr) {
    EnsureBegun(session, ctx, txn);
    WriteUnplanned(session, ctx, unplanned);
  } else if (plan->kind == RelationKind::kUnrelated) {
    ReportProgressNowAndThen(session, ctx);
  } else {
    EnsureBegun(session, ctx, txn);
    PinSettings(session, *plan);
    if (plan->kind == RelationKind::kItems) {
      WriteItemChangeCarefully(session, ctx, *plan, RelationGetDescr(relation), change);
    } else {
      WriteDefinitionChange(session, ctx, *plan, RelationGetDescr(relation), change);
    }
  }
  MemoryContextSwitchTo(caller);
  MemoryContextReset(session.change_context);
}

void ChangeRow(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, Relation relation, ReorderBufferChange *change) {
  Session &session = GetSession(ctx);
  if (unlikely(session.careful_transactions > 0)) return ChangeRowCarefully(ctx, txn, relation, change);
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

void Truncate(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, int relation_count, Relation relations[],
              const ReorderBufferChange *change) {
  Session &session = GetSession(ctx);
  MemoryContext const caller = MemoryContextSwitchTo(session.change_context);
  for (int i = 0; i < relation_count; ++i) {
    UnplannedItems unplanned{};
    const RelationPlan *const plan = unlikely(session.careful_transactions > 0)
                                         ? GetRelationPlanCarefully(session, relations[i], change, unplanned)
                                         : &GetRelationPlan(session.plans, relations[i]);
    if (plan == nullptr) {
      EnsureBegun(session, ctx, txn);
      WriteUnplanned(session, ctx, unplanned);
    } else if (plan->kind == RelationKind::kItems) {
      EnsureBegun(session, ctx, txn);
      WriteTruncate(session, ctx, *plan);
    }
  }
  MemoryContextSwitchTo(caller);
  MemoryContextReset(session.change_context);
}

bool OpenMessage(Session &session, uint64 xid, const char *content, Size size, OpenedMessage &message) {
  if (session.seal_key_read && OpenSealedMessage(session.seal_key, xid, content, size, message)) return true;
  // First of its transaction, or the extension was made anew within it.
  session.seal_key_read = ReadSealKey(session.seal_key);
  return session.seal_key_read && OpenSealedMessage(session.seal_key, xid, content, size, message);
}

/// An application event, if it is one: the prefix and the content of a logical message are anybody's choice.
void TakeMessage(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, bool transactional, const char *prefix, Size size,
                 const char *content) {
  if (!transactional || std::strcmp(prefix, kMessagePrefix) != 0) return;
  Session &session = GetSession(ctx);
  MemoryContext const caller = MemoryContextSwitchTo(session.change_context);
  OpenedMessage message;
  if (OpenMessage(session, WithEpoch(txn->xid), content, size, message)) {
    EnsureBegun(session, ctx, txn);
    session.forgotten = 0;
    StringInfo const line = BeginLine(session.writer, LineKind::kMessage, "", 0);
    AppendBytes(line, message.topic, message.topic_length);
    AppendByte(line, '\t');
    AppendBytes(line, message.payload, message.payload_length);
    EndLine(session.writer, ctx);
  } else if (!session.reported_unsealed) {
    session.reported_unsealed = true; // once a session: nobody shall fill the log with it
    ereport(LOG, (errmsg("output plugin \"itemize\" leaves out a logical message with the prefix \"%s\" that "
                         "itemize.publish has not written",
                         kMessagePrefix),
                  errdetail("Transaction %u wrote it. More of them are left out without a word.", txn->xid),
                  errhidestmt(true)));
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
    itemize::GetSession(ctx).seal_key_read = false;
  });
}

static void ChangeCallback(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, Relation relation,
                           ReorderBufferChange *change) {
  itemize::Entry([&] { itemize::ChangeRow(ctx, txn, relation, change); });
}

static void TruncateCallback(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, int relation_count,
                             Relation relations[], ReorderBufferChange *change) {
  itemize::Entry([&] { itemize::Truncate(ctx, txn, relation_count, relations, change); });
}

static void MessageCallback(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, XLogRecPtr /*message_lsn*/,
                            bool transactional, const char *prefix, Size size, const char *content) {
  itemize::Entry([&] { itemize::TakeMessage(ctx, txn, transactional, prefix, size, content); });
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
  callbacks->message_cb = MessageCallback;
  callbacks->commit_cb = CommitCallback;
}
