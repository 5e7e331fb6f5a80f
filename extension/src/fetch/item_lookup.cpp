#include "fetch/item_lookup.hpp"

#include <cstring>

#include "itemize/key_text.hpp"
#include "serializer/row_limit.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "mb/pg_wchar.h"
}

// Plain data only; C++ containers live in SplitKey, which calls nothing of the server.

namespace itemize {

namespace {

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

} // namespace

ItemDefinition *RequireDefinition(const char *type) {
  ItemDefinition *const definition = FindDefinitionByType(type, GetActiveSnapshot());
  if (definition == nullptr) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("item type \"%s\" is not defined", type),
                    errhint("SELECT type FROM itemize.definitions lists the types; itemize.define makes one.")));
  }
  if (definition->key_count > kMaxKeyColumns) elog(ERROR, "item type \"%s\" has too many key columns", type);
  return definition;
}

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
  EncodeKey(encoder, row, nullptr, &item.key);
  const auto limit = static_cast<Size>(MaxRowBytes());
  bool too_large = LeastRowBytes(encoder, row) > limit;
  if (!too_large) {
    EncodeRow(encoder, row, nullptr, &item.row, &item.member_lengths);
    too_large = static_cast<Size>(item.row.len) > limit;
  }
  if (too_large) {
    ereport(ERROR,
            (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
             errmsg("the item with key \"%s\" is larger than %zu bytes", item.key.data, limit),
             errhint("Leave its large columns out of the definition's fields, or raise itemize.max_row_bytes.")));
  }
}

Datum *DeconstructKeys(ArrayType *keys, int &count) {
  Datum *values;
  bool *nulls;
  deconstruct_array(keys, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &count);
  if (count > kMaxKeysPerFetch) {
    ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("%d keys are too many for one call", count),
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

void ExecuteItemQuery(SPIPlanPtr plan, Datum *values) {
  const int result = SPI_execute_plan(plan, values, nullptr, true, 0);
  if (result != SPI_OK_SELECT) elog(ERROR, "an item query failed: %s", SPI_result_code_string(result));
}

void LookUpItems(const ItemDefinition &definition, Datum *keys, int key_count, MemoryContext room, VisitItem visit,
                 void *state) {
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
  WithItemQuery(definition, [&] {
    const auto kind = asked_count <= kFewKeys ? ItemQueryKind::kByFewKeys : ItemQueryKind::kByKeys;
    ExecuteItemQuery(PrepareItemQuery(definition, kind), parameters);
    constexpr int kFirstItemColumn = 1; // after the ordinality
    const RowEncoder *const encoder = MakePackedRowEncoder(definition, SPI_tuptable->tupdesc, kFirstItemColumn);
    MemoryContext const spi_context = MemoryContextSwitchTo(room);
    for (uint64 i = 0; i < SPI_processed; ++i) {
      bool is_null;
      HeapTuple const tuple = SPI_tuptable->vals[i];
      const int64 ordinality = DatumGetInt64(SPI_getbinval(tuple, SPI_tuptable->tupdesc, 1, &is_null));
      const int at = asked[ordinality - 1];
      EncodedItem item;
      EncodeTuple(*encoder, tuple, SPI_tuptable->tupdesc, item);
      const text *const key = DatumGetTextPP(keys[at]);
      const bool canonical = static_cast<Size>(item.key.len) == VARSIZE_ANY_EXHDR(key) &&
                             std::memcmp(item.key.data, VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key)) == 0;
      if (canonical) visit(state, at, item);
    }
    MemoryContextSwitchTo(spi_context);
  });
}

} // namespace itemize
