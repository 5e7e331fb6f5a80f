// itemize.definition_problems: what has come between definitions and their tables behind the event triggers' back
// (they can be disabled, and session_replication_role silences them).
#include "boundary/entry.hpp"
#include "definition/column_rules.hpp"
#include "definition/definition_store.hpp"
#include "definition/partitions.hpp"
#include "definition/search_columns.hpp"
#include "definition/source_table.hpp"
#include "itemize/internal_types.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "catalog/pg_class.h"
#include "utils/tuplestore.h"
}

namespace itemize {

namespace {

struct Output {
  Tuplestorestate *rows;
  TupleDesc description;
};

Output MakeOutput(FunctionCallInfo fcinfo) {
  compat::InitMaterializedSrf(fcinfo);
  auto *const result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
  return {result->setResult, result->setDesc};
}

void Put(const Output &output, const StoredDefinition &definition, const char *problem, const char *hint) {
  Datum values[3];
  bool nulls[3] = {false, false, hint == nullptr};
  values[0] = CStringGetTextDatum(NameStr(definition.type));
  values[1] = CStringGetTextDatum(problem);
  values[2] = hint != nullptr ? CStringGetTextDatum(hint) : static_cast<Datum>(0);
  tuplestore_putvalues(output.rows, output.description, values, nulls);
}

void PutProblem(const Output &output, const StoredDefinition &definition, const Problem &problem) {
  if (problem.Found()) Put(output, definition, problem.message, problem.hint);
}

/// Each partition by itself, as each has to be mended by itself. `key_count` is 0 when the key is not complete.
void CheckPartitionedTable(const Output &output, const StoredDefinition &definition, Relation root,
                           const AttrNumber *key, int key_count) {
  for (int i = 0; i < key_count; ++i)
    PutProblem(output, definition, FindKeyColumnProblem(root, key[i]));
  if (key_count > 0) PutProblem(output, definition, FindUniquenessProblem(root, key, key_count));
  VisitPartitions(root, [&](Relation partition) {
    Problem const problem = FindTableProblem(partition);
    PutProblem(output, definition, problem);
    if (!problem.Found() && key_count > 0) {
      PutProblem(output, definition, FindPartitionIdentityProblem(root, key, key_count, partition));
    }
    return false;
  });
}

void CheckDefinition(const Output &output, const StoredDefinitions &definitions, const StoredDefinition &definition) {
  Relation table = try_relation_open(definition.source, AccessShareLock);
  if (table == nullptr) {
    Put(output, definition, "its table is gone", "restore the table under its old name and define it anew");
    return;
  }
  PutProblem(output, definition, FindTableProblem(table));
  for (int i = 0; i < definitions.count; ++i)
    PutProblem(output, definition, FindOverlap(definitions.items[i], definition.source));
  AttrNumber key[INDEX_MAX_KEYS];
  int key_count = 0;
  bool key_complete = true;
  bool owned = false;
  for (int i = 0; i < definition.column_count; ++i) {
    const StoredColumn &column = definition.columns[i];
    AttrNumber const attnum = get_attnum(definition.source, NameStr(column.name));
    owned = owned || column.purpose == ColumnPurpose::kOwner;
    if (attnum <= 0) {
      key_complete = key_complete && !column.IsKey();
      Put(output, definition,
          psprintf("column %s of table %s is gone", quote_identifier(NameStr(column.name)), TableLabel(table)),
          "define it anew with replace => true and the columns that are left");
    } else if (column.IsField()) {
      PutProblem(output, definition, FindFieldProblem(table, attnum));
    } else if (column.IsForSearch()) {
      PutProblem(output, definition, FindSearchColumnProblem(table, attnum, column.purpose));
      if (column.purpose == ColumnPurpose::kOwner && IsForOwners(definition.read)) {
        PutProblem(output, definition, FindOwnerProblem(table, attnum));
      }
    } else if (key_count < INDEX_MAX_KEYS) {
      key[key_count++] = attnum;
    }
  }
  if (IsForOwners(definition.read) && !owned) {
    Put(output, definition, psprintf("the column with the owner of the rows of table %s is gone", TableLabel(table)),
        "Nobody is shown an item now. Define it anew with replace => true and another owner, or another \"read\".");
  }
  if (!key_complete) key_count = 0;
  if (RelationGetForm(table)->relkind != RELKIND_PARTITIONED_TABLE) {
    if (key_complete) PutProblem(output, definition, FindKeyProblem(table, key, key_count));
  } else {
    CheckPartitionedTable(output, definition, table, key, key_count);
  }
  relation_close(table, AccessShareLock);
}

} // namespace

} // namespace itemize

ITEMIZE_FUNCTION(itemize_definition_problems) {
  return itemize::Entry([&]() -> Datum {
    itemize::Output const output = itemize::MakeOutput(fcinfo);
    itemize::DefinitionCatalog catalog;
    if (itemize::LookUpDefinitionCatalog(catalog)) {
      itemize::StoredDefinitions const definitions = itemize::ReadStoredDefinitions(catalog);
      for (int i = 0; i < definitions.count; ++i) {
        if (itemize::IsInternalType(NameStr(definitions.items[i].type))) continue;
        itemize::CheckDefinition(output, definitions, definitions.items[i]);
      }
    }
    PG_RETURN_NULL();
  });
}
