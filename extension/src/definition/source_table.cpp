#include "definition/source_table.hpp"

#include "definition/column_rules.hpp"
#include "definition/model.hpp"
#include "definition/partitions.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "catalog/catalog.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
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

/// Calls `visit` for each index of the table, but the ignored one, that can vouch for its columns, until it says true.
template <typename Visit>
bool AnyPlainUniqueIndex(Relation table, Oid ignored_index, Visit visit) {
  List *const indexes = RelationGetIndexList(table);
  ListCell *cell = nullptr;
  foreach (cell, indexes) {
    if (lfirst_oid(cell) == ignored_index) continue;
    HeapTuple tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(cell)));
    if (!HeapTupleIsValid(tuple)) continue;
    auto *const index = reinterpret_cast<Form_pg_index>(GETSTRUCT(tuple));
    bool const found = IsPlainUnique(index, tuple) && visit(*index);
    ReleaseSysCache(tuple);
    if (found) return true;
  }
  return false;
}

bool HasKeyColumn(const FormData_pg_index &index, AttrNumber column) {
  for (int i = 0; i < index.indnkeyatts; ++i) {
    if (index.indkey.values[i] == column) return true;
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

Oid LockSourceTable(const char *name) {
  Oid const table = FindTable(name, ShareUpdateExclusiveLock, true);
  LockTableTree(table, ShareUpdateExclusiveLock);
  return table;
}

void LockWriters(Oid table) { LockTableTree(table, ShareRowExclusiveLock); }

Problem FindTableProblem(Relation table) {
  const char *const label = TableLabel(table);
  Form_pg_class form = RelationGetForm(table);
  DefinitionCatalog catalog;
  if (RelationGetRelid(table) < FirstNormalObjectId || IsSystemRelation(table) ||
      (LookUpDefinitionCatalog(catalog) && RelationGetNamespace(table) == catalog.schema)) {
    return {ERRCODE_WRONG_OBJECT_TYPE, psprintf("%s is a system table", label),
            "Only tables of applications can be item types."};
  }
  if (form->relkind == RELKIND_FOREIGN_TABLE) {
    return {ERRCODE_WRONG_OBJECT_TYPE, psprintf("%s is a foreign table", label),
            "Changes of foreign tables are not in the write-ahead log."};
  }
  if (form->relkind != RELKIND_RELATION && form->relkind != RELKIND_PARTITIONED_TABLE) {
    return {ERRCODE_WRONG_OBJECT_TYPE, psprintf("%s is not an ordinary table", label), nullptr};
  }
  if (form->relpersistence == RELPERSISTENCE_TEMP) {
    return {ERRCODE_FEATURE_NOT_SUPPORTED,
            psprintf("%s is a temporary table", quote_identifier(RelationGetRelationName(table))),
            "Changes of temporary tables are not in the write-ahead log."};
  }
  // The partitions have the rows, whatever the partitioned table says of itself.
  if (form->relkind == RELKIND_PARTITIONED_TABLE) return kNoProblem;
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

Problem FindPartitionsProblem(Relation table) {
  Problem first = kNoProblem;
  VisitPartitions(table, [&](Relation partition) {
    first = FindTableProblem(partition);
    return first.Found();
  });
  return first;
}

int PrimaryKeyColumns(Relation table, AttrNumber (&columns)[INDEX_MAX_KEYS]) {
  int count = 0;
  AnyPlainUniqueIndex(table, InvalidOid, [&](const FormData_pg_index &index) {
    if (!index.indisprimary) return false;
    for (count = 0; count < index.indnkeyatts; ++count)
      columns[count] = index.indkey.values[count];
    return true;
  });
  return count;
}

Problem FindIdentityProblem(Relation table, const AttrNumber *key, int key_count, Oid ignored_index) {
  Form_pg_class form = RelationGetForm(table);
  if (form->relkind == RELKIND_PARTITIONED_TABLE) {
    Problem first = kNoProblem;
    VisitPartitions(table, [&](Relation partition) {
      first = FindPartitionIdentityProblem(table, key, key_count, partition);
      return first.Found();
    });
    return first;
  }
  const char *const label = TableLabel(table);
  if (form->relreplident == REPLICA_IDENTITY_NOTHING) {
    return {
        ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, psprintf("table %s has REPLICA IDENTITY NOTHING", label),
        psprintf("Updates and deletes would not say which row they meant. Run ALTER TABLE %s REPLICA IDENTITY DEFAULT.",
                 label)};
  }
  const char *const remedy = psprintf(
      "Give it a primary key, or run ALTER TABLE %s REPLICA IDENTITY USING INDEX ... with a unique index over (%s), "
      "or ALTER TABLE %s REPLICA IDENTITY FULL, which writes more to the log.",
      label, ColumnList(table, key, key_count), label);
  if (form->relreplident != REPLICA_IDENTITY_FULL) {
    Oid const index = RelationGetReplicaIndex(table);
    if (!OidIsValid(index) || index == ignored_index) {
      return {ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, psprintf("table %s has no usable replica identity", label),
              remedy};
    }
  }
  for (int i = 0; i < key_count; ++i) {
    if (IdentityCovers(table, key[i])) continue;
    return {ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            psprintf("the replica identity of table %s does not cover the key column %s", label,
                     ColumnList(table, key + i, 1)),
            remedy};
  }
  return kNoProblem;
}

Problem FindPartitionIdentityProblem(Relation root, const AttrNumber *key, int key_count, Relation partition,
                                     Oid ignored_index) {
  if (RelationGetForm(partition)->relkind != RELKIND_RELATION) return kNoProblem;
  AttrNumber own[INDEX_MAX_KEYS];
  for (int i = 0; i < key_count; ++i) {
    own[i] =
        get_attnum(RelationGetRelid(partition), NameStr(TupleDescAttr(RelationGetDescr(root), key[i] - 1)->attname));
  }
  return FindIdentityProblem(partition, own, key_count, ignored_index);
}

Problem FindOwnerIdentityProblem(Relation table, AttrNumber owner) {
  const char *const name = NameStr(TupleDescAttr(RelationGetDescr(table), owner - 1)->attname);
  if (RelationGetForm(table)->relkind == RELKIND_PARTITIONED_TABLE) {
    Problem first = kNoProblem;
    VisitPartitions(table, [&](Relation partition) {
      if (RelationGetForm(partition)->relkind != RELKIND_RELATION) return false;
      first = FindOwnerIdentityProblem(partition, get_attnum(RelationGetRelid(partition), name));
      return first.Found();
    });
    return first;
  }
  if (IdentityCovers(table, owner)) return kNoProblem;
  const char *const label = TableLabel(table);
  return {ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
          psprintf("the replica identity of table %s does not cover the owner %s", label, quote_identifier(name)),
          psprintf("A delete, and a change of the owner, would not say whose the item was. Run ALTER TABLE %s REPLICA "
                   "IDENTITY FULL, or REPLICA IDENTITY USING INDEX ... with a unique index over the key and %s, which "
                   "must not be null then.",
                   label, quote_identifier(name))};
}

Problem FindOwnerProblem(Relation table, AttrNumber owner) {
  Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(table), owner - 1);
  const char *const name = quote_identifier(NameStr(attribute->attname));
  switch (getBaseType(attribute->atttypid)) {
  case INT2OID:
  case INT4OID:
  case INT8OID:
  case UUIDOID:
  case NAMEOID: break;
  case TEXTOID:
  case VARCHAROID:
    if (!OidIsValid(attribute->attcollation) || get_collation_isdeterministic(attribute->attcollation)) break;
    [[fallthrough]];
  default:
    return {ERRCODE_FEATURE_NOT_SUPPORTED,
            psprintf("column %s of table %s cannot say who owns an item: its type is %s", name, TableLabel(table),
                     format_type_with_typemod(attribute->atttypid, attribute->atttypmod)),
            "It is compared with the subject of tokens as text. Owners are smallint, integer, bigint, uuid, name, or "
            "text or varchar with a deterministic collation, or a domain over one of these."};
  }
  if (!IsPlainName(NameStr(attribute->attname))) {
    return {
        ERRCODE_FEATURE_NOT_SUPPORTED,
        psprintf("column %s of table %s cannot say who owns an item: its name is not plain", name, TableLabel(table)),
        "Give it a name of letters a-z and A-Z, digits and underscores."};
  }
  return FindOwnerIdentityProblem(table, owner);
}

Problem FindUniquenessProblem(Relation table, const AttrNumber *key, int key_count, Oid ignored_index) {
  bool const found = AnyPlainUniqueIndex(table, ignored_index, [&](const FormData_pg_index &index) {
    bool fits = index.indnkeyatts == key_count;
    for (int i = 0; i < key_count && fits; ++i)
      fits = HasKeyColumn(index, key[i]);
    return fits;
  });
  if (found) return kNoProblem;
  const char *const columns = ColumnList(table, key, key_count);
  bool const partitioned = RelationGetForm(table)->relkind == RELKIND_PARTITIONED_TABLE;
  return {ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
          psprintf("nothing makes (%s) unique in table %s", columns, TableLabel(table)),
          psprintf("A key needs a unique index over exactly its columns, not partial and not deferrable%s. Run CREATE "
                   "UNIQUE INDEX ON %s (%s), or name other key columns.",
                   partitioned ? ", of the partitioned table itself, so that it holds across partitions" : "",
                   TableLabel(table), columns)};
}

Problem FindKeyProblem(Relation table, const AttrNumber *key, int key_count, Oid ignored_index) {
  for (int i = 0; i < key_count; ++i) {
    Problem const problem = FindKeyColumnProblem(table, key[i]);
    if (problem.Found()) return problem;
  }
  Problem const problem = FindUniquenessProblem(table, key, key_count, ignored_index);
  return problem.Found() ? problem : FindIdentityProblem(table, key, key_count, ignored_index);
}

} // namespace itemize
