#include "definition/definition_store.hpp"

#include <cstring>

#include "definition/partitions.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "catalog/indexing.h"
#include "commands/sequence.h"
#include "storage/lmgr.h"
}

namespace itemize {

namespace {

/// In the order of ColumnPurpose.
constexpr const char *kPurposes[kColumnPurposes] = {"key",      "field",  "text",     "language",
                                                    "location", "price",  "currency", "facet",
                                                    "owner",    "parent", "changed",  "cache_control"};

NameData ReadName(HeapTuple tuple, AttrNumber column, TupleDesc description) {
  bool is_null = false;
  Datum const value = heap_getattr(tuple, column, description, &is_null);
  NameData name;
  namestrcpy(&name, is_null ? "" : TextDatumGetCString(value));
  return name;
}

Datum ReadValue(HeapTuple tuple, AttrNumber column, TupleDesc description) {
  bool is_null = false;
  Datum const value = heap_getattr(tuple, column, description, &is_null);
  if (is_null) elog(ERROR, "a column of the itemize definitions is null");
  return value;
}

template <typename Element>
void MakeRoom(Element *&elements, int count) {
  constexpr int kFirst = 16;
  if (count != 0 && (count < kFirst || (count & (count - 1)) != 0)) return; // full at powers of two only
  Size const size = sizeof(Element) * static_cast<Size>(count == 0 ? kFirst : 2 * count);
  elements = static_cast<Element *>(count == 0 ? palloc0(size) : repalloc(elements, size));
}

int CompareColumns(const void *left, const void *right) {
  const auto *const a = static_cast<const StoredColumn *>(left);
  const auto *const b = static_cast<const StoredColumn *>(right);
  if (a->purpose != b->purpose) return a->purpose < b->purpose ? -1 : 1;
  return static_cast<int>(a->ordinal) - static_cast<int>(b->ordinal);
}

/// The definition's item_type row, with a generation of its own.
HeapTuple FormItemType(const DefinitionCatalog &catalog, Relation item_type, const char *type, Oid source,
                       const char *read) {
  Datum values[kItemTypeRead];
  bool nulls[kItemTypeRead] = {};
  values[kItemTypeName - 1] = CStringGetTextDatum(type);
  values[kItemTypeSource - 1] = ObjectIdGetDatum(source);
  values[kItemTypeGeneration - 1] = Int64GetDatum(NextGeneration(catalog));
  values[kItemTypeRead - 1] = CStringGetTextDatum(read);
  return heap_form_tuple(RelationGetDescr(item_type), values, nulls);
}

HeapTuple FormItemColumn(Relation item_column, const char *type, int16 ordinal, const SearchColumn &column) {
  Datum values[kItemColumnDetail];
  bool nulls[kItemColumnDetail] = {};
  values[kItemColumnItemType - 1] = CStringGetTextDatum(type);
  values[kItemColumnPurpose - 1] = CStringGetTextDatum(PurposeName(column.purpose));
  values[kItemColumnOrdinal - 1] = Int16GetDatum(ordinal);
  nulls[kItemColumnName - 1] = NameStr(column.name)[0] == '\0';
  values[kItemColumnName - 1] = CStringGetTextDatum(NameStr(column.name));
  values[kItemColumnAttnum - 1] = Int16GetDatum(column.attnum);
  nulls[kItemColumnDetail - 1] = column.detail == nullptr;
  values[kItemColumnDetail - 1] = column.detail != nullptr ? CStringGetTextDatum(column.detail) : Datum{0};
  return heap_form_tuple(RelationGetDescr(item_column), values, nulls);
}

void InsertColumns(const DefinitionCatalog &catalog, const char *type, ColumnPurpose purpose,
                   const DefinitionColumn *columns, int count) {
  Relation item_column = table_open(catalog.item_column, RowExclusiveLock);
  for (int i = 0; i < count; ++i) {
    SearchColumn const column = {purpose, columns[i].name, columns[i].attnum, nullptr};
    CatalogTupleInsert(item_column, FormItemColumn(item_column, type, static_cast<int16>(i + 1), column));
  }
  table_close(item_column, NoLock);
}

void InsertSearchColumns(const DefinitionCatalog &catalog, const char *type, const SearchColumns &search) {
  Relation item_column = table_open(catalog.item_column, RowExclusiveLock);
  int16 ordinals[kColumnPurposes] = {};
  for (int i = 0; i < search.count; ++i) {
    const SearchColumn &column = search.items[i];
    CatalogTupleInsert(item_column,
                       FormItemColumn(item_column, type, ++ordinals[static_cast<int>(column.purpose)], column));
  }
  table_close(item_column, NoLock);
  CommandCounterIncrement();
}

void InsertAllColumns(const DefinitionCatalog &catalog, const ItemDefinition &definition, const SearchColumns &search) {
  const char *const type = NameStr(definition.type);
  InsertColumns(catalog, type, ColumnPurpose::kKey, definition.keys, definition.key_count);
  InsertColumns(catalog, type, ColumnPurpose::kField, definition.fields, definition.field_count);
  InsertSearchColumns(catalog, type, search);
}

void UpdateItemType(const DefinitionCatalog &catalog, const StoredDefinition &old, Oid source, const char *read) {
  Relation item_type = table_open(catalog.item_type, RowExclusiveLock);
  ItemPointerData row = old.row;
  CatalogTupleUpdate(item_type, &row, FormItemType(catalog, item_type, NameStr(old.type), source, read));
  table_close(item_type, NoLock);
  CommandCounterIncrement();
}

void DeleteAllColumns(const DefinitionCatalog &catalog, const StoredDefinition &definition) {
  for (int i = definition.constant_count - 1; i >= 0; --i)
    DeleteColumn(catalog, definition.constants[i]);
  for (int i = definition.column_count - 1; i >= 0; --i)
    DeleteColumn(catalog, definition.columns[i]);
}

} // namespace

const char *PurposeName(ColumnPurpose purpose) { return kPurposes[static_cast<int>(purpose)]; }

ColumnPurpose PurposeOf(const char *name) {
  for (int i = 0; i < kColumnPurposes; ++i) {
    if (std::strcmp(kPurposes[i], name) == 0) return static_cast<ColumnPurpose>(i);
  }
  elog(ERROR, "itemize.item_column has a column for \"%s\"", name);
}

int64 NextGeneration(const DefinitionCatalog &catalog) {
  Oid const sequence = get_relname_relid("definition_generation", catalog.schema);
  if (!OidIsValid(sequence)) elog(ERROR, "sequence itemize.definition_generation is missing");
  return nextval_internal(sequence, false);
}

StoredDefinitions ReadStoredDefinitions(const DefinitionCatalog &catalog) {
  StoredDefinitions definitions = {0, nullptr};
  Relation item_type = table_open(catalog.item_type, AccessShareLock);
  // Without an index: there are as many rows as an application has tables.
  SysScanDesc scan = systable_beginscan(item_type, InvalidOid, false, nullptr, 0, nullptr);
  while (HeapTuple tuple = systable_getnext(scan)) {
    MakeRoom(definitions.items, definitions.count);
    StoredDefinition &definition = definitions.items[definitions.count++];
    TupleDesc description = RelationGetDescr(item_type);
    std::memset(&definition, 0, sizeof(definition));
    definition.type = ReadName(tuple, kItemTypeName, description);
    definition.read = ReadName(tuple, kItemTypeRead, description);
    definition.source = DatumGetObjectId(ReadValue(tuple, kItemTypeSource, description));
    definition.generation = DatumGetInt64(ReadValue(tuple, kItemTypeGeneration, description));
    definition.row = tuple->t_self;
  }
  systable_endscan(scan);
  table_close(item_type, AccessShareLock);
  if (definitions.count == 0) return definitions;

  Relation item_column = table_open(catalog.item_column, AccessShareLock);
  scan = systable_beginscan(item_column, InvalidOid, false, nullptr, 0, nullptr);
  while (HeapTuple tuple = systable_getnext(scan)) {
    TupleDesc description = RelationGetDescr(item_column);
    NameData const type = ReadName(tuple, kItemColumnItemType, description);
    StoredDefinition *const definition = FindStored(definitions, NameStr(type));
    if (definition == nullptr) continue;
    bool is_null = false;
    Datum const detail = heap_getattr(tuple, kItemColumnDetail, description, &is_null);
    StoredColumn column = {};
    column.purpose = PurposeOf(NameStr(ReadName(tuple, kItemColumnPurpose, description)));
    column.ordinal = DatumGetInt16(ReadValue(tuple, kItemColumnOrdinal, description));
    column.name = ReadName(tuple, kItemColumnName, description);
    column.attnum = DatumGetInt16(ReadValue(tuple, kItemColumnAttnum, description));
    column.detail = is_null ? nullptr : TextDatumGetCString(detail);
    column.row = tuple->t_self;
    if (NameStr(column.name)[0] == '\0') {
      MakeRoom(definition->constants, definition->constant_count);
      definition->constants[definition->constant_count++] = column;
    } else {
      MakeRoom(definition->columns, definition->column_count);
      definition->columns[definition->column_count++] = column;
    }
  }
  systable_endscan(scan);
  table_close(item_column, AccessShareLock);
  for (int i = 0; i < definitions.count; ++i) {
    StoredDefinition &definition = definitions.items[i];
    if (definition.column_count > 1) {
      qsort(definition.columns, static_cast<size_t>(definition.column_count), sizeof(StoredColumn), CompareColumns);
    }
  }
  return definitions;
}

StoredDefinition *FindStored(const StoredDefinitions &definitions, const char *type) {
  for (int i = 0; i < definitions.count; ++i) {
    if (std::strcmp(NameStr(definitions.items[i].type), type) == 0) return &definitions.items[i];
  }
  return nullptr;
}

const StoredDefinition *FindStoredOfTable(const StoredDefinitions &definitions, Oid table) {
  if (definitions.count == 0) return nullptr;
  List *const candidates = TableAndAncestors(table);
  for (int i = 0; i < definitions.count; ++i) {
    if (list_member_oid(candidates, definitions.items[i].source)) return &definitions.items[i];
  }
  return nullptr;
}

const char *LabelOfTable(Oid table) {
  const char *const name = get_rel_name(table);
  if (name == nullptr) return "(a table that is gone)";
  return quote_qualified_identifier(get_namespace_name(get_rel_namespace(table)), name);
}

Problem FindOverlap(const StoredDefinition &other, Oid table) {
  if (other.source == table) return kNoProblem;
  const char *message = nullptr;
  if (list_member_oid(TableAndAncestors(table), other.source)) {
    message = psprintf("%s is a partition of %s, which is the item type \"%s\"", LabelOfTable(table),
                       LabelOfTable(other.source), NameStr(other.type));
  } else if (list_member_oid(TableAndAncestors(other.source), table)) {
    message = psprintf("%s is a partition of %s and the item type \"%s\" already", LabelOfTable(other.source),
                       LabelOfTable(table), NameStr(other.type));
  } else {
    return kNoProblem;
  }
  return {ERRCODE_DUPLICATE_OBJECT, message,
          psprintf("A row is an item of one type. Run SELECT itemize.undefine('%s') first.", NameStr(other.type))};
}

void LockDefinitions(const DefinitionCatalog &catalog) { LockRelationOid(catalog.item_type, ShareRowExclusiveLock); }

void InsertDefinition(const DefinitionCatalog &catalog, const ItemDefinition &definition, const SearchColumns &search) {
  InsertAllColumns(catalog, definition, search);
  Relation item_type = table_open(catalog.item_type, RowExclusiveLock);
  CatalogTupleInsert(item_type, FormItemType(catalog, item_type, NameStr(definition.type), definition.source,
                                             NameStr(definition.read)));
  table_close(item_type, NoLock);
  CommandCounterIncrement();
  InvalidateTableTree(definition.source);
}

void ReplaceDefinition(const DefinitionCatalog &catalog, const StoredDefinition &old, const ItemDefinition &definition,
                       const SearchColumns &search) {
  DeleteAllColumns(catalog, old);
  CommandCounterIncrement();
  InsertAllColumns(catalog, definition, search);
  UpdateItemType(catalog, old, definition.source, NameStr(definition.read));
  InvalidateTableTree(old.source);
  InvalidateTableTree(definition.source);
}

void ReplaceSearch(const DefinitionCatalog &catalog, const StoredDefinition &old, const SearchColumns &search) {
  for (int i = 0; i < old.constant_count; ++i)
    DeleteColumn(catalog, old.constants[i]);
  for (int i = 0; i < old.column_count; ++i) {
    if (old.columns[i].IsForSearch()) DeleteColumn(catalog, old.columns[i]);
  }
  CommandCounterIncrement();
  InsertSearchColumns(catalog, NameStr(old.type), search);
  InvalidateTableTree(old.source);
}

void DeleteDefinition(const DefinitionCatalog &catalog, const StoredDefinition &definition) {
  Relation item_type = table_open(catalog.item_type, RowExclusiveLock);
  ItemPointerData row = definition.row;
  CatalogTupleDelete(item_type, &row);
  table_close(item_type, NoLock);
  DeleteAllColumns(catalog, definition);
  CommandCounterIncrement();
  InvalidateTableTree(definition.source);
}

void RenewDefinition(const DefinitionCatalog &catalog, const StoredDefinition &definition) {
  LockTableTree(definition.source, ShareRowExclusiveLock);
  LockDefinitions(catalog);
  HoldFetches(definition.source);
  const StoredDefinition *const current = FindStored(ReadStoredDefinitions(catalog), NameStr(definition.type));
  if (current != nullptr) RenewGeneration(catalog, *current);
}

void RenewGeneration(const DefinitionCatalog &catalog, const StoredDefinition &definition) {
  UpdateItemType(catalog, definition, definition.source, NameStr(definition.read));
  InvalidateTableTree(definition.source);
}

void UpdateColumn(const DefinitionCatalog &catalog, const StoredDefinition &definition, const StoredColumn &column) {
  Relation item_column = table_open(catalog.item_column, RowExclusiveLock);
  ItemPointerData row = column.row;
  SearchColumn const values = {column.purpose, column.name, column.attnum, column.detail};
  CatalogTupleUpdate(item_column, &row, FormItemColumn(item_column, NameStr(definition.type), column.ordinal, values));
  table_close(item_column, NoLock);
  CommandCounterIncrement();
}

void DeleteColumn(const DefinitionCatalog &catalog, const StoredColumn &column) {
  Relation item_column = table_open(catalog.item_column, RowExclusiveLock);
  ItemPointerData row = column.row;
  CatalogTupleDelete(item_column, &row);
  table_close(item_column, NoLock);
  CommandCounterIncrement();
}

} // namespace itemize
