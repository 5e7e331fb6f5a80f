// itemize.definition_problems: what has come between definitions and their tables behind the event triggers' back
// (they can be disabled, and session_replication_role silences them).
#include "boundary/entry.hpp"
#include "definition/column_rules.hpp"
#include "definition/definition_store.hpp"
#include "definition/source_table.hpp"

#include "boundary/prelude.hpp"

extern "C" {
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

void CheckDefinition(const Output &output, const StoredDefinition &definition) {
  Relation table = try_relation_open(definition.source, AccessShareLock);
  if (table == nullptr) {
    Put(output, definition, "its table is gone", "restore the table under its old name and define it anew");
    return;
  }
  PutProblem(output, definition, FindTableProblem(table));
  AttrNumber key[INDEX_MAX_KEYS];
  int key_count = 0;
  bool key_complete = true;
  for (int i = 0; i < definition.column_count; ++i) {
    const StoredColumn &column = definition.columns[i];
    AttrNumber const attnum = get_attnum(definition.source, NameStr(column.name));
    if (attnum <= 0) {
      key_complete = key_complete && !column.is_key;
      Put(output, definition,
          psprintf("column %s of table %s is gone", quote_identifier(NameStr(column.name)), TableLabel(table)),
          "define it anew with replace => true and the columns that are left");
    } else if (!column.is_key) {
      PutProblem(output, definition, FindFieldProblem(table, attnum));
    } else if (key_count < INDEX_MAX_KEYS) {
      key[key_count++] = attnum;
    }
  }
  if (key_complete) PutProblem(output, definition, FindKeyProblem(table, key, key_count));
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
      for (int i = 0; i < definitions.count; ++i)
        itemize::CheckDefinition(output, definitions.items[i]);
    }
    PG_RETURN_NULL();
  });
}
