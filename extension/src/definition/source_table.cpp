#include "definition/source_table.hpp"

#include "definition/column_rules.hpp"
#include "definition/model.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "catalog/catalog.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/relcache.h"
#include "utils/varlena.h"
}

namespace itemize {

namespace {

/// Asked before the lock is taken, and again when the name came to mean another table meanwhile.
void CheckOwnership(const RangeVar *name, Oid table, Oid old_table, void *) {
  if (!OidIsValid(table) || table == old_table) return;
  char const kind = get_rel_relkind(table);
  if (kind == '\0') return; // dropped meanwhile: the name is looked up again
  const char *wrong = nullptr;
  switch (kind) {
  case RELKIND_VIEW: wrong = "a view"; break;
  case RELKIND_MATVIEW: wrong = "a materialized view"; break;
  case RELKIND_FOREIGN_TABLE: wrong = "a foreign table"; break;
  case RELKIND_RELATION:
  case RELKIND_PARTITIONED_TABLE: break;
  default: wrong = "no table"; break;
  }
  if (wrong != nullptr) {
    ereport(ERROR,
            (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("\"%s\" is %s", name->relname, wrong),
             errhint("Only a table's changes are in the write-ahead log: define the tables that it reads from.")));
  }
  if (!compat::OwnsRelation(table, GetUserId())) {
    aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, name->relname);
  }
}

/// An index that can vouch for its columns: unique, checked at once, whole, of plain columns.
bool IsPlainUnique(Form_pg_index index, HeapTuple tuple) {
  return index->indisunique && index->indimmediate && index->indisvalid && index->indislive &&
         heap_attisnull(tuple, Anum_pg_index_indpred, nullptr) &&
         heap_attisnull(tuple, Anum_pg_index_indexprs, nullptr);
}

bool Holds(const int2vector &columns, int column_count, AttrNumber wanted) {
  for (int i = 0; i < column_count; ++i) {
    if (columns.values[i] == wanted) return true;
  }
  return false;
}

const char *ColumnList(Relation table, const AttrNumber *columns, int count) {
  StringInfoData list;
  initStringInfo(&list);
  for (int i = 0; i < count; ++i) {
    appendStringInfo(&list, "%s%s", i == 0 ? "" : ", ",
                     quote_identifier(NameStr(TupleDescAttr(RelationGetDescr(table), columns[i] - 1)->attname)));
  }
  return list.data;
}

} // namespace

const char *TableLabel(Relation table) {
  return quote_qualified_identifier(get_namespace_name(RelationGetNamespace(table)), RelationGetRelationName(table));
}

Oid FindTable(const char *name, LOCKMODE lock, bool owned) {
  List *parts = NIL;
  if (!SplitIdentifierString(pstrdup(name), '.', &parts) || parts == NIL) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_NAME), errmsg("\"%s\" is no name of a table", name),
                    errhint("Write it as in SQL: listing, public.listing, or, with capitals or special characters, "
                            "public.\"My Listing\".")));
  }
  List *names = NIL;
  ListCell *cell = nullptr;
  foreach (cell, parts)
    names = lappend(names, makeString(pstrdup(static_cast<char *>(lfirst(cell)))));
  RangeVar *const range = makeRangeVarFromNameList(names);
  Oid const table = RangeVarGetRelidExtended(range, lock, RVR_MISSING_OK, owned ? CheckOwnership : nullptr, nullptr);
  if (!OidIsValid(table)) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("table \"%s\" does not exist", name),
                    range->schemaname == nullptr
                        ? errhint("Name its schema, as in public.%s, or set the search_path. Names with capitals or "
                                  "special characters need double quotes.",
                                  quote_identifier(range->relname))
                        : errhint("Names with capitals or special characters need double quotes.")));
  }
  return table;
}

Oid LockSourceTable(const char *name) { return FindTable(name, ShareRowExclusiveLock, true); }

Problem FindTableProblem(Relation table) {
  const char *const label = TableLabel(table);
  Form_pg_class form = RelationGetForm(table);
  DefinitionCatalog catalog;
  if (RelationGetRelid(table) < FirstNormalObjectId || IsSystemRelation(table) ||
      (LookUpDefinitionCatalog(catalog) && RelationGetNamespace(table) == catalog.schema)) {
    return {ERRCODE_WRONG_OBJECT_TYPE, psprintf("%s is a system table", label),
            "Only tables of applications can be item types."};
  }
  if (form->relkind == RELKIND_PARTITIONED_TABLE) {
    return {ERRCODE_FEATURE_NOT_SUPPORTED, psprintf("%s is a partitioned table", label),
            "Partitioned tables come with a later version of itemize."};
  }
  if (form->relkind != RELKIND_RELATION) {
    return {ERRCODE_WRONG_OBJECT_TYPE, psprintf("%s is not an ordinary table", label), nullptr};
  }
  if (form->relispartition) {
    return {ERRCODE_FEATURE_NOT_SUPPORTED, psprintf("%s is a partition", label),
            "Partitioned tables come with a later version of itemize."};
  }
  if (form->relpersistence == RELPERSISTENCE_TEMP) {
    return {ERRCODE_FEATURE_NOT_SUPPORTED,
            psprintf("%s is a temporary table", quote_identifier(RelationGetRelationName(table))),
            "Changes of temporary tables are not in the write-ahead log."};
  }
  if (form->relpersistence == RELPERSISTENCE_UNLOGGED) {
    return {
        ERRCODE_FEATURE_NOT_SUPPORTED, psprintf("%s is an unlogged table", label),
        psprintf("Changes of unlogged tables are not in the write-ahead log: run ALTER TABLE %s SET LOGGED.", label)};
  }
  if (has_subclass(RelationGetRelid(table)) && find_inheritance_children(RelationGetRelid(table), NoLock) != NIL) {
    return {ERRCODE_FEATURE_NOT_SUPPORTED, psprintf("other tables inherit from %s", label),
            "Their rows would show up in it without being covered by its key. Define each of the tables that inherit."};
  }
  return kNoProblem;
}

int PrimaryKeyColumns(Relation table, AttrNumber (&columns)[INDEX_MAX_KEYS]) {
  int count = 0;
  List *const indexes = RelationGetIndexList(table);
  ListCell *cell = nullptr;
  foreach (cell, indexes) {
    HeapTuple tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(cell)));
    if (!HeapTupleIsValid(tuple)) continue;
    auto *const index = reinterpret_cast<Form_pg_index>(GETSTRUCT(tuple));
    if (index->indisprimary && IsPlainUnique(index, tuple)) {
      for (count = 0; count < index->indnkeyatts; ++count)
        columns[count] = index->indkey.values[count];
    }
    ReleaseSysCache(tuple);
  }
  return count;
}

Problem FindIdentityProblem(Relation table, const AttrNumber *key, int key_count) {
  const char *const label = TableLabel(table);
  char const identity = RelationGetForm(table)->relreplident;
  if (identity == REPLICA_IDENTITY_FULL) return kNoProblem;
  const char *const remedy = psprintf(
      "Give it a primary key, or run ALTER TABLE %s REPLICA IDENTITY USING INDEX ... with a unique index over (%s), "
      "or ALTER TABLE %s REPLICA IDENTITY FULL, which writes more to the log.",
      label, ColumnList(table, key, key_count), label);
  if (identity == REPLICA_IDENTITY_NOTHING) {
    return {
        ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, psprintf("table %s has REPLICA IDENTITY NOTHING", label),
        psprintf("Updates and deletes would not say which row they meant. Run ALTER TABLE %s REPLICA IDENTITY DEFAULT.",
                 label)};
  }
  Oid const identity_index = RelationGetReplicaIndex(table);
  HeapTuple tuple =
      OidIsValid(identity_index) ? SearchSysCache1(INDEXRELID, ObjectIdGetDatum(identity_index)) : nullptr;
  if (!HeapTupleIsValid(tuple)) {
    return {ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, psprintf("table %s has no usable replica identity", label),
            remedy};
  }
  auto *const index = reinterpret_cast<Form_pg_index>(GETSTRUCT(tuple));
  const char *missing = nullptr;
  for (int i = 0; i < key_count && missing == nullptr; ++i) {
    // Columns that the index only INCLUDEs are not written to the log.
    if (!Holds(index->indkey, index->indnkeyatts, key[i])) missing = ColumnList(table, key + i, 1);
  }
  ReleaseSysCache(tuple);
  if (missing == nullptr) return kNoProblem;
  return {ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
          psprintf("the replica identity of table %s does not cover the key column %s", label, missing), remedy};
}

Problem FindUniquenessProblem(Relation table, const AttrNumber *key, int key_count) {
  bool found = false;
  List *const indexes = RelationGetIndexList(table);
  ListCell *cell = nullptr;
  foreach (cell, indexes) {
    HeapTuple tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(cell)));
    if (!HeapTupleIsValid(tuple)) continue;
    auto *const index = reinterpret_cast<Form_pg_index>(GETSTRUCT(tuple));
    bool fits = IsPlainUnique(index, tuple) && index->indnkeyatts == key_count;
    for (int i = 0; i < key_count && fits; ++i)
      fits = Holds(index->indkey, index->indnkeyatts, key[i]);
    ReleaseSysCache(tuple);
    found = found || fits;
  }
  if (found) return kNoProblem;
  const char *const columns = ColumnList(table, key, key_count);
  return {
      ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
      psprintf("nothing makes (%s) unique in table %s", columns, TableLabel(table)),
      psprintf("A key needs a unique index over exactly its columns, not partial and not deferrable. Run CREATE UNIQUE "
               "INDEX ON %s (%s), or name other key columns.",
               TableLabel(table), columns)};
}

Problem FindKeyProblem(Relation table, const AttrNumber *key, int key_count) {
  for (int i = 0; i < key_count; ++i) {
    Problem const problem = FindKeyColumnProblem(table, key[i]);
    if (problem.Found()) return problem;
  }
  Problem const problem = FindUniquenessProblem(table, key, key_count);
  return problem.Found() ? problem : FindIdentityProblem(table, key, key_count);
}

} // namespace itemize
