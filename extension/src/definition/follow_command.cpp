// Definitions against a command: what it must not do to their tables, and what it did to their values.
//
// The command's parse tree tells enough, and it is at hand for nothing in every DDL; the names in it mean what they
// meant to the command, which holds its locks still.
#include "definition/follow_ddl.hpp"

#include <cstring>

#include "definition/column_rules.hpp"
#include "definition/partitions.hpp"
#include "definition/search_columns.hpp"
#include "definition/source_table.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "parser/parse_type.h"
#include "utils/rel.h"
}

namespace itemize {

namespace {

const StoredColumn *FindColumnByName(const StoredDefinition &definition, ColumnPurpose purpose, const char *name) {
  for (int i = 0; i < definition.column_count; ++i) {
    const StoredColumn &column = definition.columns[i];
    if (column.purpose == purpose && std::strcmp(NameStr(column.name), name) == 0) return &column;
  }
  return nullptr;
}

/// Checks one subcommand of ALTER TABLE; true when it made the definition's rows read differently.
bool FollowSubcommand(const StoredDefinition &definition, Relation table, const AlterTableCmd *subcommand) {
  switch (subcommand->subtype) {
  case AT_SetUnLogged: Refuse(definition, FindTableProblem(table)); return false;
  case AT_ReplicaIdentity:
    // Alone: while a dump is restored, the unique index of the key may come later than this command. A partitioned
    // table's own identity means nothing.
    if (RelationGetForm(table)->relkind == RELKIND_RELATION) {
      AttrNumber key[INDEX_MAX_KEYS];
      int key_count = 0;
      for (int i = 0; i < definition.column_count && key_count < INDEX_MAX_KEYS; ++i) {
        if (!definition.columns[i].IsKey()) continue;
        AttrNumber const attnum = get_attnum(RelationGetRelid(table), NameStr(definition.columns[i].name));
        if (attnum > 0) key[key_count++] = attnum;
      }
      Refuse(definition, FindIdentityProblem(table, key, key_count));
      Refuse(definition, FindStoredOwnerIdentityProblem(definition, table));
    }
    return false;
  case AT_DropNotNull:
    if (const StoredColumn *const column = FindColumnByName(definition, ColumnPurpose::kKey, subcommand->name)) {
      Refuse(definition, FindKeyColumnProblem(table, get_attnum(RelationGetRelid(table), NameStr(column->name))));
    }
    return false;
  default: break;
  }
  if (!compat::ChangesValues(subcommand->subtype) || subcommand->name == nullptr) return false;
  const StoredColumn *const key = FindColumnByName(definition, ColumnPurpose::kKey, subcommand->name);
  const StoredColumn *const field = FindColumnByName(definition, ColumnPurpose::kField, subcommand->name);
  if (key != nullptr) {
    Refuse(definition, FindKeyColumnProblem(table, get_attnum(RelationGetRelid(table), NameStr(key->name))));
  }
  if (field != nullptr) {
    Refuse(definition, FindFieldProblem(table, get_attnum(RelationGetRelid(table), NameStr(field->name))));
  }
  for (int i = 0; i < definition.column_count; ++i) {
    const StoredColumn &column = definition.columns[i];
    if (!column.IsForSearch() || std::strcmp(NameStr(column.name), subcommand->name) != 0) continue;
    Refuse(definition,
           FindSearchColumnProblem(table, get_attnum(RelationGetRelid(table), NameStr(column.name)), column.purpose));
    if (column.purpose == ColumnPurpose::kOwner && IsForOwners(definition.read)) {
      Refuse(definition, FindOwnerProblem(table, get_attnum(RelationGetRelid(table), NameStr(column.name))));
    }
  }
  return key != nullptr || field != nullptr;
}

void FollowAlterTable(const DefinitionCatalog &catalog, const StoredDefinitions &definitions,
                      const AlterTableStmt *command, Oid altered) {
  // Subcommands reach the tables that inherit, which the event does not name; a partition may be named itself.
  List *const reached = find_all_inheritors(altered, NoLock, nullptr);
  List *const above = TableAndAncestors(altered);
  for (int i = 0; i < definitions.count; ++i) {
    const StoredDefinition &definition = definitions.items[i];
    Oid concerned = InvalidOid;
    if (list_member_oid(reached, definition.source)) concerned = definition.source;
    if (list_member_oid(above, definition.source)) concerned = altered;
    Relation table = OidIsValid(concerned) ? try_relation_open(concerned, AccessShareLock) : nullptr;
    if (table == nullptr) continue;
    bool reads_differently = false;
    ListCell *cell = nullptr;
    foreach (cell, command->cmds) {
      if (FollowSubcommand(definition, table, lfirst_node(AlterTableCmd, cell))) reads_differently = true;
    }
    relation_close(table, AccessShareLock);
    if (reads_differently) RenewDefinition(catalog, definition);
  }
}

/// Renews the definitions of which a column holds a type that was changed.
void RenewUsersOf(const DefinitionCatalog &catalog, const StoredDefinitions &definitions, Oid type) {
  if (!OidIsValid(type)) return;
  for (int i = 0; i < definitions.count; ++i) {
    const StoredDefinition &definition = definitions.items[i];
    bool uses = false;
    for (int j = 0; j < definition.column_count && !uses && !definition.columns[j].IsForSearch(); ++j) {
      AttrNumber const attnum = get_attnum(definition.source, NameStr(definition.columns[j].name));
      Oid const column_type = attnum > 0 ? get_atttype(definition.source, attnum) : InvalidOid;
      uses = OidIsValid(column_type) && TypeContains(column_type, type);
    }
    if (uses) RenewDefinition(catalog, definition);
  }
}

Oid RowTypeOf(Oid relation) { return OidIsValid(relation) ? get_rel_type_id(relation) : InvalidOid; }

} // namespace

void Refuse(const StoredDefinition &definition, const Problem &problem) {
  if (!problem.Found()) return;
  ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("%s", problem.message),
                  errdetail("The item type \"%s\" depends on it.", NameStr(definition.type)),
                  errhint("Run SELECT itemize.undefine('%s') first, or define it anew with replace => true.",
                          NameStr(definition.type))));
}

void FollowCommand(const DefinitionCatalog &catalog, Node *command) {
  if (command == nullptr) return;
  StoredDefinitions const definitions = ReadStoredDefinitions(catalog);
  if (definitions.count == 0) return;
  FollowPartitions(catalog, definitions, command);
  if (IsA(command, AlterTableStmt)) {
    auto *const alter = castNode(AlterTableStmt, command);
    Oid const altered = RangeVarGetRelid(alter->relation, NoLock, true);
    if (!OidIsValid(altered)) return;
    char const kind = get_rel_relkind(altered);
    if (kind == RELKIND_RELATION || kind == RELKIND_PARTITIONED_TABLE) {
      FollowAlterTable(catalog, definitions, alter, altered);
    }
    RenewUsersOf(catalog, definitions, RowTypeOf(altered));
  } else if (IsA(command, RenameStmt)) {
    auto *const rename = castNode(RenameStmt, command);
    if (rename->renameType == OBJECT_COLUMN || rename->renameType == OBJECT_ATTRIBUTE) {
      RenewUsersOf(catalog, definitions, RowTypeOf(RangeVarGetRelid(rename->relation, NoLock, true)));
    }
  } else if (IsA(command, AlterEnumStmt)) {
    auto *const alter = castNode(AlterEnumStmt, command);
    if (alter->oldVal == nullptr) return; // a new label changes no value
    RenewUsersOf(catalog, definitions, LookupTypeNameOid(nullptr, makeTypeNameFromNameList(alter->typeName), true));
  }
}

} // namespace itemize
