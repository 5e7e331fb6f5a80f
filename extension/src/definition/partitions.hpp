// Partitioned tables: the write-ahead log knows the partitions that hold rows, a definition names the table above them.
//
// A definition covers the tree of its source: the table itself and, of a partitioned one, every partition below it. A
// table is covered by at most one definition: no two lie on one way from a partition to its root.
#pragma once

#include "boundary/prelude.hpp"

namespace itemize {

/// The table and, of a partitioned one, all partitions below it, parents first. Those below are locked as asked; the
/// table itself is the caller's to lock.
List *TableTree(Oid table, LOCKMODE lock_below);

/// The table and the partitioned tables above it, nearest first. Under a historic snapshot: as of that moment.
List *TableAndAncestors(Oid table);

/// Locks the tree of a table, from the table down.
void LockTableTree(Oid table, LOCKMODE lock);

/// Lets sessions and the output plugin look anew for what they keep of each table of the tree. The table may be gone.
void InvalidateTableTree(Oid table);

/// Calls `visit(Relation)` for each partition below a partitioned table, on every level, until it says true.
template <typename Visit>
void VisitPartitions(Relation table, Visit visit) {
  List *const tree = TableTree(RelationGetRelid(table), NoLock);
  ListCell *cell = nullptr;
  foreach (cell, tree) {
    if (lfirst_oid(cell) == RelationGetRelid(table)) continue;
    Relation const partition = try_relation_open(lfirst_oid(cell), AccessShareLock);
    if (partition == nullptr) continue; // dropped meanwhile
    bool const done = visit(partition);
    relation_close(partition, AccessShareLock);
    if (done) return;
  }
}

} // namespace itemize
