// itemize.fetch, itemize.item_json, itemize.list: items by key and in key order, in the very bytes that
// the output plugin sends.
#include "boundary/entry.hpp"
#include "boundary/version_check.hpp"
#include "fetch/item_lookup.hpp"
#include "fetch/wal_flush.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "access/htup_details.h"
#include "access/xlog.h"
#include "utils/pg_lsn.h"
#include "utils/snapmgr.h"
}

namespace itemize {
namespace {

constexpr int kMaxRowsPerList = 1000;

/// What itemize.fetch_replayed says besides.
struct ReplayedColumns {
  Datum replayed;
  Datum history;
};

/// One row of the result; `item` is null for a key without an item.
void PutItem(ReturnSetInfo *result, const ItemDefinition &definition, Datum key, const EncodedItem *item,
             const ReplayedColumns &replayed = {}) {
  Datum values[6];
  bool nulls[6] = {false, item == nullptr, item == nullptr, false, false, false};
  values[4] = replayed.replayed;
  values[5] = replayed.history;
  values[0] = key;
  values[1] = item != nullptr ? PointerGetDatum(cstring_to_text_with_len(item->row.data, item->row.len)) : Datum{0};
  values[2] = item != nullptr
                  ? PointerGetDatum(cstring_to_text_with_len(item->member_lengths.data, item->member_lengths.len))
                  : Datum{0};
  values[3] = Int64GetDatum(definition.generation);
  tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/// The items of many keys, in the order of the keys; null where there is none.
EncodedItem **FetchItems(const ItemDefinition &definition, Datum *keys, int key_count) {
  auto **const items = static_cast<EncodedItem **>(palloc0(static_cast<Size>(key_count) * sizeof(EncodedItem *)));
  LookUpItems(definition, keys, key_count, CurrentMemoryContext, [items](int index, const EncodedItem &item) {
    items[index] = static_cast<EncodedItem *>(palloc(sizeof(EncodedItem)));
    *items[index] = item;
  });
  return items;
}

void Fetch(FunctionCallInfo fcinfo) {
  CheckLibraryVersion();
  const ItemDefinition *const definition = RequireDefinition(TextDatumGetCString(PG_GETARG_DATUM(0)));
  int count;
  Datum *const keys = DeconstructKeys(PG_GETARG_ARRAYTYPE_P(1), count);
  compat::InitMaterializedSrf(fcinfo);
  if (count == 0) return;
  EncodedItem **const items = FetchItems(*definition, keys, count);
  FlushVisibleCommits();
  auto *const result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
  for (int i = 0; i < count; ++i)
    PutItem(result, *definition, keys[i], items[i]);
}

/// What the standby has replayed, by a snapshot that contains exactly that.
struct ReplayedSnapshot {
  Snapshot snapshot;
  XLogRecPtr replayed;
  TimeLineID timeline;
};

/// A record in the middle of its replay may be in a snapshot and is not yet counted as replayed: taken again until the
/// end of what was replayed before the snapshot is the end of what was begun by then.
ReplayedSnapshot TakeReplayedSnapshot() {
  constexpr int kMaxTries = 1000;
  constexpr long kPauseMicroseconds = 50;
  for (int i = 0; i < kMaxTries; ++i) {
    CHECK_FOR_INTERRUPTS();
    TimeLineID timeline;
    const XLogRecPtr before = GetXLogReplayRecPtr(&timeline);
    Snapshot const snapshot = RegisterSnapshot(GetLatestSnapshot());
    if (before != InvalidXLogRecPtr && GetCurrentReplayRecPtr(nullptr) == before) return {snapshot, before, timeline};
    UnregisterSnapshot(snapshot);
    pg_usleep(kPauseMicroseconds);
  }
  ereport(ERROR,
          (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
           errmsg("this standby did not pause in its replay for a snapshot"), errhint("Ask again, or the primary.")));
}

void RequireStandby(const char *hint) {
  if (RecoveryInProgress()) return;
  ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("this server is no standby"),
                  errhint("%s", hint)));
}

Datum HistoryText(TimeLineID timeline) {
  return PointerGetDatum(cstring_to_text(psprintf(UINT64_FORMAT ".%u", GetSystemIdentifier(), timeline)));
}

Datum Replayed(FunctionCallInfo fcinfo) {
  CheckLibraryVersion();
  RequireStandby("Use itemize.position here.");
  TupleDesc row;
  if (get_call_result_type(fcinfo, nullptr, &row) != TYPEFUNC_COMPOSITE) elog(ERROR, "replayed returns a row");
  TimeLineID timeline;
  const XLogRecPtr replayed = GetXLogReplayRecPtr(&timeline);
  Datum values[2] = {LSNGetDatum(replayed), HistoryText(timeline)};
  bool nulls[2] = {false, false};
  return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row), values, nulls));
}

void FetchReplayed(FunctionCallInfo fcinfo) {
  CheckLibraryVersion();
  RequireStandby("Use itemize.fetch here.");
  int count;
  Datum *const keys = DeconstructKeys(PG_GETARG_ARRAYTYPE_P(1), count);
  compat::InitMaterializedSrf(fcinfo);
  if (count == 0) return;
  const ReplayedSnapshot replayed = TakeReplayedSnapshot();
  PushActiveSnapshot(replayed.snapshot);
  const ItemDefinition *const definition = RequireDefinition(TextDatumGetCString(PG_GETARG_DATUM(0)));
  EncodedItem **const items = FetchItems(*definition, keys, count);
  PopActiveSnapshot();
  UnregisterSnapshot(replayed.snapshot);
  const ReplayedColumns columns{LSNGetDatum(replayed.replayed), HistoryText(replayed.timeline)};
  auto *const result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
  for (int i = 0; i < count; ++i)
    PutItem(result, *definition, keys[i], items[i], columns);
}

Datum ItemJson(FunctionCallInfo fcinfo) {
  CheckLibraryVersion();
  const ItemDefinition *const definition = RequireDefinition(TextDatumGetCString(PG_GETARG_DATUM(0)));
  Datum key = PG_GETARG_DATUM(1);
  const EncodedItem *const item = FetchItems(*definition, &key, 1)[0];
  if (item == nullptr) PG_RETURN_NULL();
  PG_RETURN_TEXT_P(cstring_to_text_with_len(item->row.data, item->row.len));
}

void List(FunctionCallInfo fcinfo) {
  CheckLibraryVersion();
  if (PG_ARGISNULL(0)) {
    ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("the item type must not be null")));
  }
  const ItemDefinition *const definition = RequireDefinition(TextDatumGetCString(PG_GETARG_DATUM(0)));
  const int32 max_rows = PG_ARGISNULL(1) ? 0 : PG_GETARG_INT32(1);
  if (max_rows < 1 || max_rows > kMaxRowsPerList) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("max_rows must be from 1 to %d", kMaxRowsPerList),
                    errhint("Page on by passing the last key as \"after\".")));
  }
  const bool from_start = PG_ARGISNULL(2);
  Datum parameters[kMaxKeyColumns + 1];
  int parameter_count = 0;
  if (!from_start) {
    const text *const after = PG_GETARG_TEXT_PP(2);
    Oid key_types[kMaxKeyColumns];
    GetKeyTypes(*definition, key_types);
    if (!ParseKey(*definition, key_types, after, parameters)) {
      ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                      errmsg("\"%s\" is no key of item type \"%s\"", text_to_cstring(after), NameStr(definition->type)),
                      errhint("Pass the key of the last row of the page before.")));
    }
    parameter_count = definition->key_count;
  }
  parameters[parameter_count] = Int64GetDatum(max_rows);
  compat::InitMaterializedSrf(fcinfo);
  auto *const result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
  FlushVisibleCommits();
  MemoryContext const row_context =
      AllocSetContextCreate(CurrentMemoryContext, "itemize list row", ALLOCSET_DEFAULT_SIZES);
  WithItemQuery(*definition, [&] {
    ExecuteItemQuery(PrepareItemQuery(*definition, from_start ? ItemQueryKind::kFirst : ItemQueryKind::kAfter),
                     parameters);
    const RowEncoder *const encoder = MakePackedRowEncoder(*definition, SPI_tuptable->tupdesc, 0);
    for (uint64 i = 0; i < SPI_processed; ++i) {
      MemoryContext const caller = MemoryContextSwitchTo(row_context);
      EncodedItem item;
      EncodeTuple(*encoder, SPI_tuptable->vals[i], SPI_tuptable->tupdesc, item);
      PutItem(result, *definition, PointerGetDatum(cstring_to_text_with_len(item.key.data, item.key.len)), &item);
      MemoryContextSwitchTo(caller);
      MemoryContextReset(row_context);
    }
  });
}

} // namespace
} // namespace itemize

ITEMIZE_FUNCTION(itemize_fetch) {
  return itemize::Entry([&] {
    itemize::Fetch(fcinfo);
    return Datum{0};
  });
}

ITEMIZE_FUNCTION(itemize_fetch_replayed) {
  return itemize::Entry([&] {
    itemize::FetchReplayed(fcinfo);
    return Datum{0};
  });
}

ITEMIZE_FUNCTION(itemize_replayed) {
  return itemize::Entry([&] { return itemize::Replayed(fcinfo); });
}

ITEMIZE_FUNCTION(itemize_item_json) {
  return itemize::Entry([&] { return itemize::ItemJson(fcinfo); });
}

ITEMIZE_FUNCTION(itemize_list) {
  return itemize::Entry([&] {
    itemize::List(fcinfo);
    return Datum{0};
  });
}
