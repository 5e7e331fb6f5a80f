// Keeping definitions true to their tables when DDL changes those.
#pragma once

#include "definition/definition_store.hpp"

#include "boundary/prelude.hpp"

namespace itemize {

/// What the current command dropped, as far as definitions care. Asked for only when there are definitions.
class DroppedObjects {
public:
  enum class Kind : uint8 { kColumn, kUniqueIndex, kPartition };

  /// Whether the command dropped this column of the table.
  bool HasColumn(Oid table, AttrNumber column);
  /// The tables that are left and lost a unique index (with or without a constraint), or a partition.
  List *TablesThatLost(Kind kind);

private:
  struct Object {
    Kind kind;
    Oid table;         ///< the table of a column or of a unique index, the parent of a partition
    AttrNumber column; ///< 0 for others than a column
  };

  void Read();

  bool read_ = false;
  int count_ = 0;
  Object *objects_ = nullptr;
};

/// Brings stored definitions up to date with the catalogs: renamed columns are followed, dropped fields leave the
/// definition, definitions of dropped tables go, attribute numbers that a restored dump left open are filled in.
/// With `dropped`, a key column that went, or a key that lost what it stands on, through this command is an error.
void FollowCatalogs(const DefinitionCatalog &catalog, DroppedObjects *dropped);

/// The numbers of a definition's key columns now; their count, 0 when one of them is gone.
int CurrentKey(const StoredDefinition &definition, AttrNumber (&key)[INDEX_MAX_KEYS]);

/// Why a table of the definition, itself or a partition, would not say whose a deleted item was, where that matters.
Problem FindStoredOwnerIdentityProblem(const StoredDefinition &definition, Relation table);

/// Refuses the drop of an index of `table` that a definition's uniqueness or replica identity stands on: of one that is
/// dropped already, or, named, of one that is about to be.
void CheckKey(const StoredDefinition &definition, Oid table, Oid ignored_index);

/// Raises a problem as what DDL did to a definition.
void Refuse(const StoredDefinition &definition, const Problem &problem);

/// Before a command: refuses what could not be taken back when it ends (DROP INDEX CONCURRENTLY); takes the locks on
/// defined partitioned tables that its end will need; and renews definitions that DETACH ... CONCURRENTLY changes in
/// its first transaction.
void PrepareForCommand(const DefinitionCatalog &catalog, Node *command);

/// After a command that made, attached or detached a partition.
void FollowPartitions(const DefinitionCatalog &catalog, const StoredDefinitions &definitions, Node *command);

/// Refuses what this command must not do to a defined table, and renews definitions whose rows now read differently
/// though no row was written (a column's or a type's change).
void FollowCommand(const DefinitionCatalog &catalog, Node *command);

} // namespace itemize
