// The table behind an item type: finding it by what the user wrote, and what it must be.
#pragma once

#include "definition/problem.hpp"

namespace itemize {

/// The table's name for messages and statements: schema-qualified, quoted where needed.
const char *TableLabel(Relation table);

/// Finds what `name` means (quoted identifiers and the search_path work as in SQL) and locks it. Raises when there is
/// no such relation, or, with `owned`, when it is no table of the caller's; nothing is locked then.
Oid FindTable(const char *name, LOCKMODE lock, bool owned);

/// Finds a table of the caller's and locks it, and its partitions, against changes of the tables themselves and against
/// other definitions of them (SHARE UPDATE EXCLUSIVE). Writers go on.
Oid LockSourceTable(const char *name);

/// Locks such a table, and its partitions, against writers: SHARE ROW EXCLUSIVE waits until every transaction that
/// wrote to it has ended. Before LockDefinitions: who waits for that may be such a writer.
void LockWriters(Oid table);

/// A table, partitioned or not, whose changes are in the WAL, and whose rows are all its own or its partitions'.
Problem FindTableProblem(Relation table);

/// The first problem of the kind among a table's partitions; none of a table that is not partitioned.
Problem FindPartitionsProblem(Relation table);

/// The columns of the primary key in its order; returns their count, 0 without a primary key that can be used.
int PrimaryKeyColumns(Relation table, AttrNumber (&columns)[INDEX_MAX_KEYS]);

// Below, `ignored_index` is an index that is about to go.

/// The replica identity puts the whole key into the WAL of updates and deletes; of a partitioned table, that of each
/// partition.
Problem FindIdentityProblem(Relation table, const AttrNumber *key, int key_count, Oid ignored_index = InvalidOid);

/// The same for one partition of `root`, whose column numbers `key` has.
Problem FindPartitionIdentityProblem(Relation root, const AttrNumber *key, int key_count, Relation partition,
                                     Oid ignored_index = InvalidOid);

/// Why an item's owner could not be told from this column: its type, its name, or a replica identity that does not put
/// it into the WAL of updates and deletes.
Problem FindOwnerProblem(Relation table, AttrNumber owner);
/// The last of these; of a partitioned table, of each partition.
Problem FindOwnerIdentityProblem(Relation table, AttrNumber owner);

/// A unique index says that no two rows share a key.
Problem FindUniquenessProblem(Relation table, const AttrNumber *key, int key_count, Oid ignored_index = InvalidOid);

/// All of the above for a definition that was fine once: identity, uniqueness, and each key column.
Problem FindKeyProblem(Relation table, const AttrNumber *key, int key_count, Oid ignored_index = InvalidOid);

} // namespace itemize
