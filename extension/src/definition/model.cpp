#include "definition/model.hpp"

#include <cstring>

#include "definition/partitions.hpp"
#include "itemize/read_rule.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_index.h"
#include "storage/lmgr.h"
}

namespace itemize {

namespace {

constexpr char kSchema[] = "itemize";

Datum RequiredColumn(HeapTuple tuple, AttrNumber column, TupleDesc description) {
  bool is_null;
  const Datum value = heap_getattr(tuple, column, description, &is_null);
  if (is_null) elog(ERROR, "a column of the itemize definitions is null");
  return value;
}

void CopyTextToName(Datum text_value, NameData &name) {
  const text *const packed = DatumGetTextPP(text_value);
  const auto length = Min(static_cast<Size>(VARSIZE_ANY_EXHDR(packed)), static_cast<Size>(NAMEDATALEN - 1));
  std::memset(&name, 0, sizeof(name));
  std::memcpy(NameStr(name), VARDATA_ANY(packed), length);
}

struct ColumnList {
  DefinitionColumn *columns;
  int count;
};

/// The columns of one purpose, in order; names resolved to attribute numbers of the source table.
ColumnList ReadColumns(Relation item_column, Relation index, const ItemDefinition &definition, const char *purpose,
                       Snapshot snapshot) {
  ColumnList list{nullptr, 0};
  int capacity = 0;
  ScanKeyData keys[2];
  ScanKeyInit(&keys[0], kItemColumnItemType, BTEqualStrategyNumber, F_TEXTEQ,
              CStringGetTextDatum(NameStr(definition.type)));
  ScanKeyInit(&keys[1], kItemColumnPurpose, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(purpose));
  for (ScanKeyData &key : keys)
    key.sk_collation = C_COLLATION_OID;
  SysScanDesc scan = systable_beginscan_ordered(item_column, index, snapshot, lengthof(keys), keys);
  while (HeapTuple tuple = systable_getnext_ordered(scan, ForwardScanDirection)) {
    if (list.count == capacity) {
      capacity = capacity == 0 ? 16 : capacity * 2;
      const Size size = static_cast<Size>(capacity) * sizeof(DefinitionColumn);
      list.columns =
          static_cast<DefinitionColumn *>(list.columns == nullptr ? palloc(size) : repalloc(list.columns, size));
    }
    DefinitionColumn &column = list.columns[list.count++];
    CopyTextToName(RequiredColumn(tuple, kItemColumnName, RelationGetDescr(item_column)), column.name);
    column.attnum = get_attnum(definition.source, NameStr(column.name));
  }
  systable_endscan_ordered(scan);
  return list;
}

const DefinitionColumn *FindByName(const DefinitionColumn *columns, int count, const NameData &name) {
  for (int i = 0; i < count; ++i) {
    if (std::strcmp(NameStr(columns[i].name), NameStr(name)) == 0) return &columns[i];
  }
  return nullptr;
}

void ReadAllColumns(const DefinitionCatalog &catalog, ItemDefinition &definition, Snapshot snapshot) {
  Relation const item_column = table_open(catalog.item_column, AccessShareLock);
  Relation const index = index_open(catalog.item_column_index, AccessShareLock);
  const ColumnList keys = ReadColumns(item_column, index, definition, "key", snapshot);
  const ColumnList fields = ReadColumns(item_column, index, definition, "field", snapshot);
  ColumnList owner = {nullptr, 0};
  if (IsForOwners(definition.read)) owner = ReadColumns(item_column, index, definition, "owner", snapshot);
  index_close(index, AccessShareLock);
  table_close(item_column, AccessShareLock);
  definition.keys = keys.columns;
  definition.key_count = keys.count;
  definition.fields = fields.columns;
  definition.field_count = fields.count;
  if (owner.count == 1) definition.owner = FindByName(fields.columns, fields.count, owner.columns[0].name);
}

ItemDefinition *FindDefinition(Oid DefinitionCatalog::*index, ScanKeyData &key, Snapshot snapshot) {
  DefinitionCatalog catalog;
  if (!LookUpDefinitionCatalog(catalog)) return nullptr;
  Relation const item_type = table_open(catalog.item_type, AccessShareLock);
  TupleDesc const description = RelationGetDescr(item_type);
  SysScanDesc scan = systable_beginscan(item_type, catalog.*index, true, snapshot, 1, &key);
  HeapTuple const tuple = systable_getnext(scan);
  ItemDefinition *definition = nullptr;
  if (HeapTupleIsValid(tuple)) {
    definition = static_cast<ItemDefinition *>(palloc0(sizeof(ItemDefinition)));
    CopyTextToName(RequiredColumn(tuple, kItemTypeName, description), definition->type);
    CopyTextToName(RequiredColumn(tuple, kItemTypeRead, description), definition->read);
    definition->source = DatumGetObjectId(RequiredColumn(tuple, kItemTypeSource, description));
    definition->generation = DatumGetInt64(RequiredColumn(tuple, kItemTypeGeneration, description));
  }
  systable_endscan(scan);
  table_close(item_type, AccessShareLock);
  if (definition != nullptr) ReadAllColumns(catalog, *definition, snapshot);
  return definition;
}

/// A partition has its root's columns under their names, though perhaps in another order.
void ResolveIn(Oid partition, DefinitionColumn *columns, int count) {
  for (int i = 0; i < count; ++i)
    columns[i].attnum = get_attnum(partition, NameStr(columns[i].name));
}

} // namespace

bool IsForOwners(const NameData &read) { return kReadOwner == NameStr(read); }

const char *FindCacheControl(const char *type) {
  DefinitionCatalog catalog;
  if (!LookUpDefinitionCatalog(catalog)) return nullptr;
  Relation const item_column = table_open(catalog.item_column, AccessShareLock);
  ScanKeyData keys[2];
  ScanKeyInit(&keys[0], kItemColumnItemType, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(type));
  ScanKeyInit(&keys[1], kItemColumnPurpose, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum("cache_control"));
  for (ScanKeyData &key : keys)
    key.sk_collation = C_COLLATION_OID;
  SysScanDesc scan = systable_beginscan(item_column, catalog.item_column_index, true, nullptr, lengthof(keys), keys);
  const char *directives = nullptr;
  if (HeapTuple tuple = systable_getnext(scan)) {
    directives = TextDatumGetCString(RequiredColumn(tuple, kItemColumnDetail, RelationGetDescr(item_column)));
  }
  systable_endscan(scan);
  table_close(item_column, AccessShareLock);
  return directives;
}

bool IsPlainName(const char *name) {
  if (*name == '\0') return false;
  for (; *name != '\0'; ++name) {
    const char c = *name;
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_')) return false;
  }
  return true;
}

bool LookUpDefinitionCatalog(DefinitionCatalog &catalog) {
  std::memset(&catalog, 0, sizeof(catalog));
  catalog.schema = get_namespace_oid(kSchema, true);
  if (!OidIsValid(catalog.schema)) return false;
  catalog.item_type = get_relname_relid("item_type", catalog.schema);
  catalog.item_type_name_index = get_relname_relid("item_type_pkey", catalog.schema);
  catalog.item_type_source_index = get_relname_relid("item_type_source_index", catalog.schema);
  catalog.item_column = get_relname_relid("item_column", catalog.schema);
  catalog.item_column_index = get_relname_relid("item_column_pkey", catalog.schema);
  catalog.topic = get_relname_relid("topic", catalog.schema);
  catalog.topic_name_index = get_relname_relid("topic_pkey", catalog.schema);
  catalog.seal = get_relname_relid("seal", catalog.schema);
  return OidIsValid(catalog.item_type) && OidIsValid(catalog.item_type_name_index) &&
         OidIsValid(catalog.item_type_source_index) && OidIsValid(catalog.item_column) &&
         OidIsValid(catalog.item_column_index);
}

ItemDefinition *FindDefinitionOfTable(Oid table) {
  List *const candidates = TableAndAncestors(table);
  ListCell *cell = nullptr;
  foreach (cell, candidates) {
    ScanKeyData key;
    ScanKeyInit(&key, kItemTypeSource, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(lfirst_oid(cell)));
    ItemDefinition *const definition = FindDefinition(&DefinitionCatalog::item_type_source_index, key, nullptr);
    if (definition == nullptr) continue;
    if (definition->source != table) {
      ResolveIn(table, definition->keys, definition->key_count);
      ResolveIn(table, definition->fields, definition->field_count);
    }
    return definition;
  }
  return nullptr;
}

ItemDefinition *FindDefinitionByType(const char *type, Snapshot snapshot) {
  ScanKeyData key;
  ScanKeyInit(&key, kItemTypeName, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(type));
  key.sk_collation = C_COLLATION_OID;
  return FindDefinition(&DefinitionCatalog::item_type_name_index, key, snapshot);
}

void HoldFetches(Oid source) {
  DefinitionCatalog catalog;
  if (LookUpDefinitionCatalog(catalog)) LockDatabaseObject(catalog.item_type, source, 0, AccessExclusiveLock);
}

void AwaitCatalogs(Oid source) {
  DefinitionCatalog catalog;
  if (!LookUpDefinitionCatalog(catalog)) return;
  LockDatabaseObject(catalog.item_type, source, 0, AccessShareLock); // reads what it was told, too
  UnlockDatabaseObject(catalog.item_type, source, 0, AccessShareLock);
}

bool IdentityCovers(Relation table, AttrNumber column) {
  if (RelationGetForm(table)->relreplident == REPLICA_IDENTITY_FULL) return true;
  Oid const identity_index = RelationGetReplicaIndex(table);
  HeapTuple const tuple =
      OidIsValid(identity_index) ? SearchSysCache1(INDEXRELID, ObjectIdGetDatum(identity_index)) : nullptr;
  if (!HeapTupleIsValid(tuple)) return false;
  auto *const index = reinterpret_cast<Form_pg_index>(GETSTRUCT(tuple));
  bool covers = false;
  // Columns that the index only INCLUDEs are not written to the log.
  for (int i = 0; i < index->indnkeyatts; ++i)
    covers = covers || index->indkey.values[i] == column;
  ReleaseSysCache(tuple);
  return covers;
}

bool IsTopicDefined(const char *topic) {
  DefinitionCatalog catalog;
  if (!LookUpDefinitionCatalog(catalog) || !OidIsValid(catalog.topic) || !OidIsValid(catalog.topic_name_index)) {
    return false;
  }
  ScanKeyData key;
  ScanKeyInit(&key, kTopicName, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(topic));
  key.sk_collation = C_COLLATION_OID;
  Relation const topics = table_open(catalog.topic, AccessShareLock);
  SysScanDesc scan = systable_beginscan(topics, catalog.topic_name_index, true, nullptr, 1, &key);
  const bool found = HeapTupleIsValid(systable_getnext(scan));
  systable_endscan(scan);
  table_close(topics, AccessShareLock);
  return found;
}

} // namespace itemize
