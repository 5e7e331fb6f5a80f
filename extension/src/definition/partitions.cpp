#include "definition/partitions.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "storage/lmgr.h"
#include "utils/inval.h"
}

namespace itemize {

List *TableTree(Oid table, LOCKMODE lock_below) {
  if (get_rel_relkind(table) != RELKIND_PARTITIONED_TABLE) return list_make1_oid(table);
  return find_all_inheritors(table, lock_below, nullptr);
}

List *TableAndAncestors(Oid table) {
  // A partition that is being detached concurrently has no ancestors any more, nor does a scan of its root see it.
  List *const ancestors = get_rel_relispartition(table) ? get_partition_ancestors(table) : NIL;
  return lcons_oid(table, ancestors);
}

void LockTableTree(Oid table, LOCKMODE lock) {
  LockRelationOid(table, lock);
  list_free(TableTree(table, lock));
}

void InvalidateTableTree(Oid table) {
  if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(table))) return;
  List *const tree = TableTree(table, NoLock);
  ListCell *cell = nullptr;
  foreach (cell, tree) {
    // Dropped in the same command, perhaps, or by somebody else since.
    if (SearchSysCacheExists1(RELOID, ObjectIdGetDatum(lfirst_oid(cell))))
      CacheInvalidateRelcacheByRelid(lfirst_oid(cell));
  }
  list_free(tree);
}

} // namespace itemize
