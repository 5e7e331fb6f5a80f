// Differences between the server's major versions (13 and newer), and nowhere else.
// Included by prelude.hpp only, after postgres.h.
#pragma once

extern "C" {
#include "access/transam.h"
#include "access/xlog.h"
#if PG_VERSION_NUM >= 150000
#include "access/xlogrecovery.h"
#endif
#if PG_VERSION_NUM >= 140000
#include "common/hmac.h"
#endif
#include "catalog/partition.h"
#include "catalog/pg_proc.h"
#include "common/sha2.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "replication/logical.h"
#include "replication/message.h"
#include "replication/output_plugin.h"
#include "replication/reorderbuffer.h"
#include "storage/proc.h"
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

/// The same for privileges.
inline bool MayExecute(Oid function, Oid role) {
#if PG_VERSION_NUM >= 160000
  return object_aclcheck(ProcedureRelationId, function, role, ACL_EXECUTE) == ACLCHECK_OK;
#else
  return pg_proc_aclcheck(function, role, ACL_EXECUTE) == ACLCHECK_OK;
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

/// 14 gave the parser modes.
inline List *ParseSql(const char *statements) {
#if PG_VERSION_NUM >= 140000
  return raw_parser(statements, RAW_PARSE_DEFAULT);
#else
  return raw_parser(statements);
#endif
}

/// 14 let the caller choose whether a table counts that is being detached.
inline Oid PartitionParent(Oid relation) {
#if PG_VERSION_NUM >= 140000
  return get_partition_parent(relation, false);
#else
  return get_partition_parent(relation);
#endif
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

/// 17 lets the writer of a message choose whether it is flushed; ours goes with its transaction's commit.
inline void LogTransactionalMessage(const char *prefix, const char *content, Size size) {
#if PG_VERSION_NUM >= 170000
  (void)LogLogicalMessage(prefix, content, size, true, false);
#else
  (void)LogLogicalMessage(prefix, content, size, true);
#endif
}

/// 17 moved the number of the session's transaction.
inline LocalTransactionId LocalTransaction() {
#if PG_VERSION_NUM >= 170000
  return MyProc->vxid.lxid;
#else
  return MyProc->lxid;
#endif
}

inline constexpr int kSha256Bytes = PG_SHA256_DIGEST_LENGTH;

/// HMAC-SHA256 (RFC 2104) of two texts, one after the other; a key of at most 64 bytes. 14 brought a function for it.
inline void HmacSha256(const uint8 *key, Size key_size, const uint8 *first, Size first_size, const uint8 *second,
                       Size second_size, uint8 (&digest)[kSha256Bytes]) {
#if PG_VERSION_NUM >= 140000
  pg_hmac_ctx *const hmac = pg_hmac_create(PG_SHA256);
  const bool made = hmac != nullptr && pg_hmac_init(hmac, key, key_size) == 0 &&
                    pg_hmac_update(hmac, first, first_size) == 0 && pg_hmac_update(hmac, second, second_size) == 0 &&
                    pg_hmac_final(hmac, digest, kSha256Bytes) == 0;
  if (hmac != nullptr) pg_hmac_free(hmac);
  if (!made) elog(ERROR, "could not compute an HMAC");
#else
  uint8 inner_pad[PG_SHA256_BLOCK_LENGTH];
  uint8 outer_pad[PG_SHA256_BLOCK_LENGTH];
  for (Size i = 0; i < PG_SHA256_BLOCK_LENGTH; ++i) {
    const uint8 byte = i < key_size ? key[i] : 0;
    inner_pad[i] = byte ^ 0x36U;
    outer_pad[i] = byte ^ 0x5CU;
  }
  uint8 inner[kSha256Bytes];
  pg_sha256_ctx context;
  pg_sha256_init(&context);
  pg_sha256_update(&context, inner_pad, sizeof(inner_pad));
  pg_sha256_update(&context, first, first_size);
  pg_sha256_update(&context, second, second_size);
  pg_sha256_final(&context, inner);
  pg_sha256_init(&context);
  pg_sha256_update(&context, outer_pad, sizeof(outer_pad));
  pg_sha256_update(&context, inner, sizeof(inner));
  pg_sha256_final(&context, digest);
#endif
}

/// 15 brought the function that prepares a set-returning call, 16 gave it its name. What the executor expects is what
/// the function is declared to return, already looked up.
inline void InitMaterializedSrf(FunctionCallInfo fcinfo) {
#if PG_VERSION_NUM >= 150000
  const auto *const call = reinterpret_cast<const ReturnSetInfo *>(fcinfo->resultinfo);
  const bool is_expected = call != nullptr && IsA(call, ReturnSetInfo) && call->expectedDesc != nullptr;
  InitMaterializedSRF(fcinfo, is_expected ? MAT_SRF_USE_EXPECTED_DESC : 0);
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
