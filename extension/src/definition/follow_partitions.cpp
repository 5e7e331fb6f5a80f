// Definitions of partitioned tables against commands that make, attach, detach or drop a partition.
//
// Rows come to a type, and go from it, with a partition, and no change of theirs is in the log: the definition is
// renewed, so that all copies of its items are read anew. What writers in progress have written must be sent before
// that (RenewGeneration); so all tables of the tree are locked against them first. A partition that goes is locked by
// its command against everybody: there the tree is locked before (PrepareForCommand), from the root down, as everybody
// else does. One that comes may be scanned for long, and the tree is locked only afterwards.
#include "definition/follow_ddl.hpp"

#include "definition/partitions.hpp"
#include "definition/source_table.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "catalog/index.h"
#include "catalog/pg_class.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
}

namespace itemize {

namespace {

/// What the names in ATTACH PARTITION or DETACH PARTITION mean.
struct PartitionChange {
  Oid parent;
  Oid partition;
  bool attaches;
  bool detaches_concurrently; ///< in two transactions, of which the first takes the rows out
};

/// False when the subcommand is another one, or its names mean nothing (any more).
bool ReadPartitionChange(const AlterTableStmt *command, const AlterTableCmd *subcommand, PartitionChange &change) {
  if (subcommand->subtype != AT_AttachPartition && subcommand->subtype != AT_DetachPartition) return false;
  auto *const names = castNode(PartitionCmd, subcommand->def);
  change.parent = RangeVarGetRelid(command->relation, NoLock, true);
  change.partition = RangeVarGetRelid(names->name, NoLock, true);
  change.attaches = subcommand->subtype == AT_AttachPartition;
  change.detaches_concurrently = !change.attaches && compat::DetachesConcurrently(names);
  // An index is attached to a partitioned index by the same command.
  return OidIsValid(change.partition) && get_rel_relkind(change.parent) == RELKIND_PARTITIONED_TABLE;
}

/// Whether a table, or a partition of it, has pages: rows, or what is left of them.
bool HasPages(Oid table) {
  ListCell *cell = nullptr;
  foreach (cell, TableTree(table, NoLock)) {
    if (get_rel_relkind(lfirst_oid(cell)) != RELKIND_RELATION) continue;
    Relation const part = try_relation_open(lfirst_oid(cell), AccessShareLock);
    if (part == nullptr) continue;
    bool const has_pages = RelationGetNumberOfBlocks(part) > 0;
    relation_close(part, AccessShareLock);
    if (has_pages) return true;
  }
  return false;
}

/// Refuses partitions whose changes are not in the log, and warns of those whose updates and deletes will not say which
/// row they meant: a new partition can be given its replica identity only once it is there.
void CheckNewPartitions(const StoredDefinition &definition, Oid partition) {
  AttrNumber key[INDEX_MAX_KEYS];
  int const key_count = CurrentKey(definition, key);
  Relation const root = try_relation_open(definition.source, AccessShareLock);
  if (root == nullptr) return;
  ListCell *cell = nullptr;
  foreach (cell, TableTree(partition, NoLock)) {
    Relation const part = try_relation_open(lfirst_oid(cell), AccessShareLock);
    if (part == nullptr) continue;
    Problem const kind_problem = FindTableProblem(part);
    if (kind_problem.Found()) {
      ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("%s", kind_problem.message),
                      errdetail("It would be a partition of the item type \"%s\".", NameStr(definition.type)),
                      errhint("%s", kind_problem.hint)));
    }
    Problem problem = FindPartitionIdentityProblem(root, key, key_count, part);
    if (!problem.Found()) problem = FindStoredOwnerIdentityProblem(definition, part);
    if (problem.Found()) {
      ereport(WARNING, (errmsg("%s", problem.message),
                        errdetail("Until then each update and delete in it makes all copies of the item type \"%s\" be "
                                  "read anew.",
                                  NameStr(definition.type)),
                        errhint("%s", problem.hint)));
    }
    relation_close(part, AccessShareLock);
  }
  relation_close(root, AccessShareLock);
}

void PrepareForAlterTable(const DefinitionCatalog &catalog, const StoredDefinitions &definitions,
                          const AlterTableStmt *command) {
  ListCell *cell = nullptr;
  foreach (cell, command->cmds) {
    PartitionChange change = {};
    if (!ReadPartitionChange(command, lfirst_node(AlterTableCmd, cell), change) || change.attaches) continue;
    const StoredDefinition *const definition = FindStoredOfTable(definitions, change.parent);
    if (definition == nullptr) continue;
    // Of somebody else: the command is about to be refused, and must lock nothing before.
    if (!compat::OwnsRelation(change.parent, GetUserId())) continue;
    if (change.detaches_concurrently) {
      RenewDefinition(catalog, *definition);
    } else {
      LockTableTree(definition->source, ShareRowExclusiveLock);
    }
  }
}

void PrepareForDropTable(const StoredDefinitions &definitions, const DropStmt *command) {
  ListCell *cell = nullptr;
  foreach (cell, command->objects) {
    Oid const table = RangeVarGetRelid(makeRangeVarFromNameList(static_cast<List *>(lfirst(cell))), NoLock, true);
    if (!OidIsValid(table) || !get_rel_relispartition(table) || !compat::OwnsRelation(table, GetUserId())) continue;
    const StoredDefinition *const definition = FindStoredOfTable(definitions, table);
    if (definition != nullptr && definition->source != table) LockTableTree(definition->source, ShareRowExclusiveLock);
  }
}

/// The sql_drop trigger of DROP INDEX CONCURRENTLY runs when the index is of no use any more, and an error then leaves
/// it behind like that: what must not go is refused before.
void RefuseConcurrentDrop(const StoredDefinitions &definitions, const DropStmt *command) {
  ListCell *cell = nullptr;
  foreach (cell, command->objects) {
    Oid const index = RangeVarGetRelid(makeRangeVarFromNameList(static_cast<List *>(lfirst(cell))), NoLock, true);
    Oid const table = OidIsValid(index) ? IndexGetRelation(index, true) : InvalidOid;
    const StoredDefinition *const definition = OidIsValid(table) ? FindStoredOfTable(definitions, table) : nullptr;
    if (definition != nullptr) CheckKey(*definition, table, index);
  }
}

} // namespace

void PrepareForCommand(const DefinitionCatalog &catalog, Node *command) {
  if (command == nullptr) return;
  StoredDefinitions const definitions = ReadStoredDefinitions(catalog);
  if (definitions.count == 0) return;
  if (IsA(command, AlterTableStmt)) {
    PrepareForAlterTable(catalog, definitions, castNode(AlterTableStmt, command));
  } else if (IsA(command, DropStmt)) {
    auto *const drop = castNode(DropStmt, command);
    if (drop->removeType == OBJECT_TABLE) PrepareForDropTable(definitions, drop);
    if (drop->removeType == OBJECT_INDEX && drop->concurrent) RefuseConcurrentDrop(definitions, drop);
  }
}

void FollowPartitions(const DefinitionCatalog &catalog, const StoredDefinitions &definitions, Node *command) {
  if (IsA(command, CreateStmt) || IsA(command, CreateForeignTableStmt)) {
    auto *const create = reinterpret_cast<CreateStmt *>(command);
    if (create->partbound == nullptr) return;
    Oid const partition = RangeVarGetRelid(create->relation, NoLock, true);
    const StoredDefinition *const definition =
        OidIsValid(partition) ? FindStoredOfTable(definitions, partition) : nullptr;
    // It is empty, and takes no row from another partition: no copy reads differently.
    if (definition != nullptr) CheckNewPartitions(*definition, partition);
    return;
  }
  if (!IsA(command, AlterTableStmt)) return;
  auto *const alter = castNode(AlterTableStmt, command);
  ListCell *cell = nullptr;
  foreach (cell, alter->cmds) {
    PartitionChange change = {};
    if (!ReadPartitionChange(alter, lfirst_node(AlterTableCmd, cell), change)) continue;
    const StoredDefinition *const definition = FindStoredOfTable(definitions, change.parent);
    if (definition == nullptr) continue;
    if (change.attaches) {
      for (int i = 0; i < definitions.count; ++i) {
        Oid const source = definitions.items[i].source;
        if (source != definition->source) Refuse(definitions.items[i], FindOverlap(*definition, source));
      }
      CheckNewPartitions(*definition, change.partition);
      if (HasPages(change.partition)) {
        RenewDefinition(catalog, *definition);
      } else {
        HoldFetches(definition->source); // the same transaction may go on to write to it
      }
    } else if (!change.detaches_concurrently) {
      RenewDefinition(catalog, *definition);
    }
    InvalidateTableTree(change.partition);
  }
}

} // namespace itemize
