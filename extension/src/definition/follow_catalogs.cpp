// Definitions against the catalogs: renames and drops.
#include "definition/follow_ddl.hpp"

#include "definition/column_rules.hpp"
#include "definition/partitions.hpp"
#include "definition/search_columns.hpp"
#include "definition/source_table.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "executor/spi.h"
#include "utils/fmgroids.h"
}

namespace itemize {

namespace {

/// The partitioned table of which a dropped table was a partition. That row, too, is deleted by our own transaction,
/// which tells it from what is left of the table's earlier places.
Oid ParentOfDroppedPartition(Oid dropped_table) {
  ScanKeyData key;
  ScanKeyInit(&key, Anum_pg_inherits_inhrelid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(dropped_table));
  Relation catalog = table_open(InheritsRelationId, AccessShareLock);
  SysScanDesc scan = systable_beginscan(catalog, InheritsRelidSeqnoIndexId, true, SnapshotAny, 1, &key);
  Oid parent = InvalidOid;
  while (HeapTuple tuple = systable_getnext(scan)) {
    if (!TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetUpdateXid(tuple->t_data))) continue;
    parent = reinterpret_cast<Form_pg_inherits>(GETSTRUCT(tuple))->inhparent;
  }
  systable_endscan(scan);
  table_close(catalog, AccessShareLock);
  return parent;
}

/// The table of an index that is dropped already, if it was a unique one. The row of pg_index is deleted by our own
/// transaction and so still there for SnapshotAny; oids of indexes are not used again within a transaction.
Oid TableOfDroppedUniqueIndex(Oid dropped_index) {
  ScanKeyData key;
  ScanKeyInit(&key, Anum_pg_index_indexrelid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(dropped_index));
  Relation catalog = table_open(IndexRelationId, AccessShareLock);
  SysScanDesc scan = systable_beginscan(catalog, IndexRelidIndexId, true, SnapshotAny, 1, &key);
  Oid table = InvalidOid;
  while (HeapTuple tuple = systable_getnext(scan)) {
    auto *const index = reinterpret_cast<Form_pg_index>(GETSTRUCT(tuple));
    if (index->indisunique) table = index->indrelid;
  }
  systable_endscan(scan);
  table_close(catalog, AccessShareLock);
  return table;
}

/// Where a column is now: under its name, else under its number (it was renamed), else nowhere.
struct Found {
  AttrNumber attnum;    ///< 0: gone
  const char *new_name; ///< not null: renamed
};

Found FindColumn(Oid table, const StoredColumn &column) {
  // The name first: it is what a dump carries, a number may be left from another database.
  AttrNumber const by_name = get_attnum(table, NameStr(column.name));
  if (by_name > 0) return {by_name, nullptr};
  if (column.attnum > 0) {
    HeapTuple tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(table), Int16GetDatum(column.attnum));
    if (HeapTupleIsValid(tuple)) {
      auto *const attribute = reinterpret_cast<Form_pg_attribute>(GETSTRUCT(tuple));
      const char *const name = attribute->attisdropped ? nullptr : pstrdup(NameStr(attribute->attname));
      ReleaseSysCache(tuple);
      if (name != nullptr) return {column.attnum, name};
    }
  }
  return {InvalidAttrNumber, nullptr};
}

bool TableExists(Oid table) { return SearchSysCacheExists1(RELOID, ObjectIdGetDatum(table)); }

/// Whether there is nothing to follow. A key column that was dropped behind our back is not followed: the doctor tells.
bool IsCurrent(const StoredDefinition &definition, DroppedObjects *dropped) {
  if (!TableExists(definition.source)) return false;
  for (int i = 0; i < definition.column_count; ++i) {
    const StoredColumn &column = definition.columns[i];
    Found const found = FindColumn(definition.source, column);
    if (found.attnum == InvalidAttrNumber && column.IsKey()) {
      if (dropped != nullptr && dropped->HasColumn(definition.source, column.attnum)) return false;
    } else if (found.new_name != nullptr || found.attnum != column.attnum) {
      return false;
    }
  }
  return true;
}

void RefuseDrop(const StoredDefinition &definition, const char *what) {
  ereport(ERROR,
          (errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST), errmsg("cannot drop %s", what),
           errdetail("The item type \"%s\" depends on it.", NameStr(definition.type)),
           errhint("Run SELECT itemize.undefine('%s') first, or define it anew with replace => true and another key.",
                   NameStr(definition.type))));
}

void Undefine(const DefinitionCatalog &catalog, const StoredDefinition &definition, const char *reason) {
  DeleteDefinition(catalog, definition);
  ereport(NOTICE, (errmsg("item type \"%s\" is no longer defined: %s", NameStr(definition.type), reason)));
}

void ForgetColumn(const DefinitionCatalog &catalog, const StoredDefinition &definition, const StoredColumn &column) {
  DeleteColumn(catalog, column);
  if (column.IsField()) {
    ereport(NOTICE, (errmsg("column \"%s\" is no longer a field of item type \"%s\"", NameStr(column.name),
                            NameStr(definition.type))));
  } else {
    ereport(NOTICE, (errmsg("column \"%s\" is no longer used for \"%s\" of item type \"%s\"", NameStr(column.name),
                            ArgumentOf(column.purpose), NameStr(definition.type)),
                     errhint("Its index goes with it: SELECT * FROM itemize.search_indexes(%s) lists what is missing.",
                             quote_literal_cstr(NameStr(definition.type)))));
  }
}

/// What means nothing by itself, when columns are gone: a price without its currency, a currency without prices, a
/// language without text. `has` tells of which purposes there is a column or a constant left.
bool IsAlone(ColumnPurpose purpose, const bool (&has)[kColumnPurposes]) {
  auto const is_left = [&](ColumnPurpose other) { return has[static_cast<int>(other)]; };
  switch (purpose) {
  case ColumnPurpose::kPrice: return !is_left(ColumnPurpose::kCurrency);
  case ColumnPurpose::kCurrency: return !is_left(ColumnPurpose::kPrice);
  case ColumnPurpose::kLanguage: return !is_left(ColumnPurpose::kText);
  default: return false;
  }
}

void FollowColumns(const DefinitionCatalog &catalog, StoredDefinition &definition, DroppedObjects *dropped) {
  bool has[kColumnPurposes] = {};
  for (int i = 0; i < definition.constant_count; ++i)
    has[static_cast<int>(definition.constants[i].purpose)] = true;
  for (int i = 0; i < definition.column_count; ++i) {
    const StoredColumn &column = definition.columns[i];
    if (FindColumn(definition.source, column).attnum != InvalidAttrNumber) {
      has[static_cast<int>(column.purpose)] = true;
    } else if (column.IsKey() && dropped != nullptr && dropped->HasColumn(definition.source, column.attnum)) {
      RefuseDrop(definition, psprintf("column %s of table %s", quote_identifier(NameStr(column.name)),
                                      LabelOfTable(definition.source)));
    }
  }
  if (!has[static_cast<int>(ColumnPurpose::kField)]) {
    Undefine(catalog, definition, "its last field was dropped");
    return;
  }
  for (int i = 0; i < definition.constant_count; ++i) {
    if (IsAlone(definition.constants[i].purpose, has)) DeleteColumn(catalog, definition.constants[i]);
  }
  bool reads_differently = false;
  for (int i = 0; i < definition.column_count; ++i) {
    StoredColumn &column = definition.columns[i];
    Found const found = FindColumn(definition.source, column);
    if (found.attnum == InvalidAttrNumber || IsAlone(column.purpose, has)) {
      if (column.IsKey()) continue;
      ForgetColumn(catalog, definition, column);
      reads_differently = reads_differently || column.IsField();
      continue;
    }
    if (found.new_name == nullptr && found.attnum == column.attnum) continue;
    // A number that was open (0) is filled in after a restore: nothing reads differently by that.
    bool const is_another = found.new_name != nullptr || column.attnum != InvalidAttrNumber;
    reads_differently = reads_differently || (is_another && !column.IsForSearch());
    if (found.new_name != nullptr) namestrcpy(&column.name, found.new_name);
    column.attnum = found.attnum;
    UpdateColumn(catalog, definition, column);
  }
  if (reads_differently) {
    RenewGeneration(catalog, definition);
  } else {
    InvalidateTableTree(definition.source);
  }
}

} // namespace

void DroppedObjects::Read() {
  read_ = true;
  MemoryContext context = CurrentMemoryContext;
  if (SPI_connect() != SPI_OK_CONNECT) elog(ERROR, "SPI_connect failed");
  constexpr char kQuery[] =
      "SELECT objid, objsubid, object_type OPERATOR(pg_catalog.=) 'index' "
      "FROM pg_catalog.pg_event_trigger_dropped_objects() WHERE classid OPERATOR(pg_catalog.=) "
      "'pg_catalog.pg_class'::pg_catalog.regclass AND (objsubid OPERATOR(pg_catalog.>) 0 OR object_type "
      "OPERATOR(pg_catalog.=) ANY ('{index,table,foreign table}'::pg_catalog.text[]))";
  if (SPI_execute(kQuery, true, 0) != SPI_OK_SELECT) elog(ERROR, "pg_event_trigger_dropped_objects failed");
  objects_ =
      static_cast<Object *>(MemoryContextAlloc(context, sizeof(Object) * (static_cast<Size>(SPI_processed) + 1)));
  for (uint64 i = 0; i < SPI_processed; ++i) {
    bool is_null = false;
    Oid const relation = DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &is_null));
    int32 const column = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2, &is_null));
    bool const is_index = DatumGetBool(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 3, &is_null));
    Object object = {Kind::kColumn, relation, static_cast<AttrNumber>(column)};
    if (is_index) {
      object = {Kind::kUniqueIndex, TableOfDroppedUniqueIndex(relation), InvalidAttrNumber};
    } else if (column == 0) {
      object = {Kind::kPartition, ParentOfDroppedPartition(relation), InvalidAttrNumber};
    }
    if (OidIsValid(object.table)) objects_[count_++] = object;
  }
  SPI_finish();
}

bool DroppedObjects::HasColumn(Oid table, AttrNumber column) {
  if (!read_) Read();
  for (int i = 0; i < count_; ++i) {
    if (objects_[i].kind == Kind::kColumn && objects_[i].table == table && objects_[i].column == column) return true;
  }
  return false;
}

List *DroppedObjects::TablesThatLost(Kind kind) {
  if (!read_) Read();
  List *tables = NIL;
  for (int i = 0; i < count_; ++i) {
    if (objects_[i].kind == kind && TableExists(objects_[i].table))
      tables = list_append_unique_oid(tables, objects_[i].table);
  }
  return tables;
}

int CurrentKey(const StoredDefinition &definition, AttrNumber (&key)[INDEX_MAX_KEYS]) {
  int count = 0;
  for (int i = 0; i < definition.column_count && count < INDEX_MAX_KEYS; ++i) {
    if (!definition.columns[i].IsKey()) continue;
    key[count] = FindColumn(definition.source, definition.columns[i]).attnum;
    if (key[count] == InvalidAttrNumber) return 0;
    ++count;
  }
  return count;
}

Problem FindStoredOwnerIdentityProblem(const StoredDefinition &definition, Relation table) {
  if (!IsForOwners(definition.read)) return kNoProblem;
  for (int i = 0; i < definition.column_count; ++i) {
    if (definition.columns[i].purpose != ColumnPurpose::kOwner) continue;
    AttrNumber const owner = get_attnum(RelationGetRelid(table), NameStr(definition.columns[i].name));
    if (owner > 0) return FindOwnerIdentityProblem(table, owner);
  }
  return kNoProblem;
}

void CheckKey(const StoredDefinition &definition, Oid table, Oid ignored_index) {
  AttrNumber key[INDEX_MAX_KEYS];
  int const key_count = CurrentKey(definition, key);
  Relation const source = key_count > 0 ? try_relation_open(definition.source, AccessShareLock) : nullptr;
  if (source == nullptr) return;
  Problem problem = kNoProblem;
  if (table == definition.source) {
    problem = FindUniquenessProblem(source, key, key_count, ignored_index);
    bool const partitioned = RelationGetForm(source)->relkind == RELKIND_PARTITIONED_TABLE;
    if (!problem.Found() && !partitioned) problem = FindIdentityProblem(source, key, key_count, ignored_index);
  } else if (Relation const partition = try_relation_open(table, AccessShareLock)) {
    problem = FindPartitionIdentityProblem(source, key, key_count, partition, ignored_index);
    relation_close(partition, AccessShareLock);
  }
  if (problem.Found()) {
    RefuseDrop(definition, psprintf("what identifies the rows of table %s: %s", LabelOfTable(table), problem.message));
  }
  relation_close(source, AccessShareLock);
}

void FollowCatalogs(const DefinitionCatalog &catalog, DroppedObjects *dropped) {
  StoredDefinitions definitions = ReadStoredDefinitions(catalog);
  bool all_current = true;
  for (int i = 0; i < definitions.count; ++i)
    all_current = all_current && IsCurrent(definitions.items[i], dropped);
  if (!all_current) {
    // Now that something is to be written: one writer at a time, and what another one wrote meanwhile is seen.
    LockDefinitions(catalog);
    definitions = ReadStoredDefinitions(catalog);
    for (int i = 0; i < definitions.count; ++i) {
      StoredDefinition &definition = definitions.items[i];
      if (IsCurrent(definition, dropped)) continue;
      if (!TableExists(definition.source)) {
        Undefine(catalog, definition, "its table was dropped");
      } else {
        FollowColumns(catalog, definition, dropped);
      }
    }
    definitions = ReadStoredDefinitions(catalog);
  }
  if (dropped == nullptr || definitions.count == 0) return;
  ListCell *cell = nullptr;
  foreach (cell, dropped->TablesThatLost(DroppedObjects::Kind::kUniqueIndex)) {
    const StoredDefinition *const definition = FindStoredOfTable(definitions, lfirst_oid(cell));
    if (definition != nullptr) CheckKey(*definition, lfirst_oid(cell), InvalidOid);
  }
  // Rows that are gone without a word in the log.
  foreach (cell, dropped->TablesThatLost(DroppedObjects::Kind::kPartition)) {
    const StoredDefinition *const definition = FindStoredOfTable(definitions, lfirst_oid(cell));
    if (definition != nullptr) RenewDefinition(catalog, *definition);
  }
}

} // namespace itemize
