// itemize.fetch, itemize.item_json, itemize.list: items by key and in key order, in the very bytes that
// the output plugin sends.
//
// The bodies hold plain data only; C++ containers live in ParseKey, which calls nothing of the server.
#include <cstring>

#include "boundary/entry.hpp"
#include "boundary/version_check.hpp"
#include "fetch/item_query.hpp"
#include "fetch/wal_flush.hpp"
#include "itemize/key_text.hpp"
#include "serializer/output_settings.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "mb/pg_wchar.h"
}

namespace itemize {
namespace {

constexpr int kMaxKeysPerFetch = 10000;
constexpr int kMaxRowsPerList = 1000;

struct EncodedItem {
  StringInfoData key;
  StringInfoData row;
  StringInfoData member_lengths;
};

ItemDefinition *RequireDefinition(const char *type) {
  ItemDefinition *const definition = FindDefinitionByType(type, GetActiveSnapshot());
  if (definition == nullptr) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("item type \"%s\" is not defined", type),
                    errhint("SELECT type FROM itemize.definitions lists the types; itemize.define makes one.")));
  }
  if (definition->key_count > kMaxKeyColumns) elog(ERROR, "item type \"%s\" has too many key columns", type);
  return definition;
}

/// The values of a key text, NUL ended one after the other in `out` (room for the text's length + 1).
/// Their number, or -1 when the text is malformed.
int SplitKey(const char *key, Size length, char *out) {
  const auto values = SplitKeyText({key, length});
  if (!values) return -1;
  for (const std::string &value : *values) {
    if (value.find('\0') != std::string::npos) return -1;
    std::memcpy(out, value.c_str(), value.size() + 1);
    out += value.size() + 1;
  }
  return static_cast<int>(values->size());
}

/// One Datum a key column; false when the text cannot be the key of any row.
bool ParseKey(const ItemDefinition &definition, const Oid *key_types, const text *key, Datum *values) {
  const Size length = VARSIZE_ANY_EXHDR(key);
  auto *const parts = static_cast<char *>(palloc(length + kMaxKeyColumns + 1));
  if (SplitKey(VARDATA_ANY(key), length, parts) != definition.key_count) return false;
  const char *part = parts;
  for (int i = 0; i < definition.key_count; ++i) {
    const Size part_length = std::strlen(part);
    if (!pg_verify_mbstr(PG_UTF8, part, static_cast<int>(part_length), true)) return false;
    if (!ParseKeyValue(key_types[i], part, values[i])) return false;
    part += part_length + 1;
  }
  return true;
}

void EncodeTuple(const RowEncoder &encoder, HeapTuple tuple, TupleDesc description, EncodedItem &item) {
  const auto columns = static_cast<Size>(description->natts);
  const RowValues row{static_cast<Datum *>(palloc(columns * sizeof(Datum))),
                      static_cast<bool *>(palloc(columns * sizeof(bool)))};
  heap_deform_tuple(tuple, description, row.values, row.nulls);
  // A value in TOAST is within reach here, unlike in the output plugin.
  for (int i = 0; i < encoder.field_count; ++i) {
    const int column = encoder.fields[i].column;
    if (!row.nulls[column] && IsAbsent(encoder.fields[i].value, row.values[column])) {
      row.values[column] = PointerGetDatum(PG_DETOAST_DATUM(row.values[column]));
    }
  }
  initStringInfo(&item.key);
  initStringInfo(&item.row);
  initStringInfo(&item.member_lengths);
  if (RowBytes(encoder, row) > kMaxRowBytes) {
    ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("an item is larger than %zu bytes", kMaxRowBytes),
                    errhint("Leave its large columns out of the definition's fields.")));
  }
  EncodeKey(encoder, row, nullptr, &item.key);
  EncodeRow(encoder, row, nullptr, &item.row, &item.member_lengths);
}

/// One row of the result; `item` is null for a key without an item.
void PutItem(ReturnSetInfo *result, const ItemDefinition &definition, Datum key, const EncodedItem *item) {
  Datum values[4];
  bool nulls[4] = {false, item == nullptr, item == nullptr, false};
  values[0] = key;
  values[1] = item != nullptr ? PointerGetDatum(cstring_to_text_with_len(item->row.data, item->row.len)) : Datum{0};
  values[2] = item != nullptr
                  ? PointerGetDatum(cstring_to_text_with_len(item->member_lengths.data, item->member_lengths.len))
                  : Datum{0};
  values[3] = Int64GetDatum(definition.generation);
  tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/// Runs `body` as the table's owner, under pinned settings, with SPI connected.
template <typename Body>
void WithItemQuery(const ItemDefinition &definition, Body body) {
  const OwnerIdentity caller = BecomeOwner(definition.source);
  const int settings = PinOutputSettings();
  SPI_connect();
  body();
  SPI_finish();
  UnpinOutputSettings(settings);
  BecomeCaller(caller);
}

void Execute(SPIPlanPtr plan, Datum *values) {
  const int result = SPI_execute_plan(plan, values, nullptr, true, 0);
  if (result != SPI_OK_SELECT) elog(ERROR, "an item query failed: %s", SPI_result_code_string(result));
}

/// The items of many keys, in the order of the keys; null where there is none. A key counts only in its
/// canonical text: a copy kept under another text would not be found by the changes of the row.
EncodedItem **FetchItems(const ItemDefinition &definition, Datum *keys, int key_count) {
  auto **const items = static_cast<EncodedItem **>(palloc0(static_cast<Size>(key_count) * sizeof(EncodedItem *)));
  Oid key_types[kMaxKeyColumns];
  GetKeyTypes(definition, key_types);
  Datum *columns[kMaxKeyColumns];
  for (int i = 0; i < definition.key_count; ++i) {
    columns[i] = static_cast<Datum *>(palloc(static_cast<Size>(key_count) * sizeof(Datum)));
  }
  auto *const asked = static_cast<int *>(palloc(static_cast<Size>(key_count) * sizeof(int)));
  int asked_count = 0;
  for (int i = 0; i < key_count; ++i) {
    Datum values[kMaxKeyColumns];
    if (!ParseKey(definition, key_types, DatumGetTextPP(keys[i]), values)) continue;
    for (int k = 0; k < definition.key_count; ++k)
      columns[k][asked_count] = values[k];
    asked[asked_count++] = i;
  }
  Datum parameters[kMaxKeyColumns];
  for (int k = 0; k < definition.key_count; ++k) {
    int16 length;
    bool by_value;
    char alignment;
    get_typlenbyvalalign(key_types[k], &length, &by_value, &alignment);
    parameters[k] =
        PointerGetDatum(construct_array(columns[k], asked_count, key_types[k], length, by_value, alignment));
  }
  MemoryContext const result_context = CurrentMemoryContext;
  WithItemQuery(definition, [&] {
    Execute(PrepareItemQuery(definition, ItemQueryKind::kByKeys), parameters);
    MemoryContext const spi_context = MemoryContextSwitchTo(result_context);
    constexpr int kFirstItemColumn = 1; // after the ordinality
    const RowEncoder *const encoder = MakePackedRowEncoder(definition, SPI_tuptable->tupdesc, kFirstItemColumn);
    for (uint64 i = 0; i < SPI_processed; ++i) {
      bool is_null;
      HeapTuple const tuple = SPI_tuptable->vals[i];
      const int64 ordinality = DatumGetInt64(SPI_getbinval(tuple, SPI_tuptable->tupdesc, 1, &is_null));
      const int at = asked[ordinality - 1];
      auto *const item = static_cast<EncodedItem *>(palloc(sizeof(EncodedItem)));
      EncodeTuple(*encoder, tuple, SPI_tuptable->tupdesc, *item);
      const text *const key = DatumGetTextPP(keys[at]);
      const bool canonical = static_cast<Size>(item->key.len) == VARSIZE_ANY_EXHDR(key) &&
                             std::memcmp(item->key.data, VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key)) == 0;
      if (canonical) items[at] = item;
    }
    MemoryContextSwitchTo(spi_context);
  });
  return items;
}

Datum *DeconstructKeys(ArrayType *keys, int &count) {
  Datum *values;
  bool *nulls;
  deconstruct_array(keys, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &count);
  if (count > kMaxKeysPerFetch) {
    ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("%d keys are too many for one fetch", count),
                    errhint("Ask for at most %d keys at a time.", kMaxKeysPerFetch)));
  }
  for (int i = 0; i < count; ++i) {
    if (nulls[i]) {
      ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a key must not be null"),
                      errhint("Leave nulls out of the array of keys.")));
    }
  }
  return values;
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
    Execute(PrepareItemQuery(*definition, from_start ? ItemQueryKind::kFirst : ItemQueryKind::kAfter), parameters);
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

ITEMIZE_FUNCTION(itemize_item_json) {
  return itemize::Entry([&] { return itemize::ItemJson(fcinfo); });
}

ITEMIZE_FUNCTION(itemize_list) {
  return itemize::Entry([&] {
    itemize::List(fcinfo);
    return Datum{0};
  });
}
