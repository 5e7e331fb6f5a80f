// Differences between the server's major versions (13 and newer), and nowhere else.
// Included by prelude.hpp only, after postgres.h.
#pragma once

extern "C" {
#include "access/transam.h"
#include "access/xlog.h"
#if PG_VERSION_NUM >= 150000
#include "access/xlogrecovery.h"
#endif
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "replication/logical.h"
#include "replication/output_plugin.h"
#include "replication/reorderbuffer.h"
#include "utils/acl.h"
}

#if PG_VERSION_NUM < 130000
#error "itemize needs PostgreSQL 13 or newer"
#endif

namespace itemize::compat {

/// 16 has one ownership check for all kinds of objects.
inline bool OwnsRelation(Oid relation, Oid role) {
#if PG_VERSION_NUM >= 160000
  return object_ownercheck(RelationRelationId, relation, role);
#else
  return pg_class_ownercheck(relation, role);
#endif
}

/// 15 moved the timeline that is written out of a variable of the backend.
inline TimeLineID WrittenTimeline() {
#if PG_VERSION_NUM >= 150000
  return GetWALInsertionTimeLine();
#else
  return ThisTimeLineID;
#endif
}

/// 17 took the tuple out of its ReorderBufferTupleBuf.
inline HeapTuple NewTuple(ReorderBufferChange *change) {
#if PG_VERSION_NUM >= 170000
  return change->data.tp.newtuple;
#else
  return change->data.tp.newtuple != nullptr ? &change->data.tp.newtuple->tuple : nullptr;
#endif
}

inline HeapTuple OldTuple(ReorderBufferChange *change) {
#if PG_VERSION_NUM >= 170000
  return change->data.tp.oldtuple;
#else
  return change->data.tp.oldtuple != nullptr ? &change->data.tp.oldtuple->tuple : nullptr;
#endif
}

/// Whether a subcommand of ALTER TABLE rewrites a column's values without any row's change in the WAL.
/// 17 can change the expression of a generated column.
inline bool ChangesValues(AlterTableType subcommand) {
#if PG_VERSION_NUM >= 170000
  if (subcommand == AT_SetExpression) return true;
#endif
  return subcommand == AT_AlterColumnType;
}

/// 14 brought DETACH PARTITION ... CONCURRENTLY.
inline bool DetachesConcurrently(const PartitionCmd *command) {
#if PG_VERSION_NUM >= 140000
  return command->concurrent;
#else
  (void)command;
  return false;
#endif
}

/// 15 moved the commit time into a union and gave progress reports a flag for skipped transactions.
inline TimestampTz CommitTime(const ReorderBufferTXN *txn) {
#if PG_VERSION_NUM >= 150000
  return txn->xact_time.commit_time;
#else
  return txn->commit_time;
#endif
}

inline void UpdateProgress(LogicalDecodingContext *ctx, bool skipped_transaction) {
#if PG_VERSION_NUM >= 150000
  OutputPluginUpdateProgress(ctx, skipped_transaction);
#else
  (void)skipped_transaction;
  OutputPluginUpdateProgress(ctx);
#endif
}

/// 15 brought the function that prepares a set-returning call, 16 gave it its name.
inline void InitMaterializedSrf(FunctionCallInfo fcinfo) {
#if PG_VERSION_NUM >= 150000
  InitMaterializedSRF(fcinfo, 0);
#else
  auto *const result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
  if (result == nullptr || !IsA(result, ReturnSetInfo) || (result->allowedModes & SFRM_Materialize) == 0) {
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("set-valued function called in context that cannot accept a set")));
  }
  MemoryContext const caller = MemoryContextSwitchTo(result->econtext->ecxt_per_query_memory);
  TupleDesc description;
  if (get_call_result_type(fcinfo, nullptr, &description) != TYPEFUNC_COMPOSITE) {
    elog(ERROR, "return type must be a row type");
  }
  result->returnMode = SFRM_Materialize;
  result->setDesc = description;
  result->setResult = tuplestore_begin_heap((result->allowedModes & SFRM_Materialize_Random) != 0, false, work_mem);
  MemoryContextSwitchTo(caller);
#endif
}

} // namespace itemize::compat
