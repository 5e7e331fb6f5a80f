// itemize.search_indexes, and what itemize.define says or does of the indexes that are missing.
#include <cstring>

#include "boundary/entry.hpp"
#include "definition/definition_store.hpp"
#include "definition/partitions.hpp"
#include "definition/search_index.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "catalog/pg_class.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/acl.h"
#include "utils/tuplestore.h"
}

namespace itemize {

namespace {

/// A table (with its partitions) up to this size is indexed within a transaction in seconds.
constexpr int kMaxBuildMegabytes = 64;

/// Whether what search needs of a stored definition is there: else the doctor says what is not.
bool IsWhole(const StoredDefinition &definition) {
  if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(definition.source))) return false;
  for (int i = 0; i < definition.column_count; ++i) {
    if (get_attnum(definition.source, NameStr(definition.columns[i].name)) <= 0) return false;
  }
  return true;
}

/// Whom the statements are for: the table's owner, and whoever watches the server, by the doctor.
bool MayList(Oid table) {
  return compat::OwnsRelation(table, GetUserId()) || has_privs_of_role(GetUserId(), get_role_oid("pg_monitor", false));
}

void PutLines(ReturnSetInfo *result, const char *type) {
  const SearchDefinition *const definition = RequireSearchDefinition(type);
  IndexLines const lines = ListIndexLines(*definition);
  for (int i = 0; i < lines.count; ++i) {
    const IndexLine &line = lines.items[i];
    Datum values[4];
    bool nulls[4] = {false, false, false, line.statement == nullptr};
    values[0] = CStringGetTextDatum(type);
    values[1] = CStringGetTextDatum(line.purpose);
    values[2] = CStringGetTextDatum(line.state);
    values[3] = line.statement != nullptr ? CStringGetTextDatum(line.statement) : Datum{0};
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
  }
}

void ListOne(ReturnSetInfo *result, const char *type) {
  if (!MayList(RequireSearchDefinition(type)->item.source)) {
    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                    errmsg("only who owns the table of item type \"%s\" is told of its indexes", type),
                    errhint("Members of pg_monitor are as well.")));
  }
  PutLines(result, type);
}

void ListAll(ReturnSetInfo *result) {
  DefinitionCatalog catalog;
  if (!LookUpDefinitionCatalog(catalog)) return;
  StoredDefinitions const definitions = ReadStoredDefinitions(catalog);
  for (int i = 0; i < definitions.count; ++i) {
    if (IsWhole(definitions.items[i]) && MayList(definitions.items[i].source))
      PutLines(result, NameStr(definitions.items[i].type));
  }
}

uint64 BytesOf(Oid table) {
  Relation const part = try_relation_open(table, AccessShareLock);
  if (part == nullptr) return 0;
  uint64 bytes = static_cast<uint64>(RelationGetNumberOfBlocks(part)) * BLCKSZ;
  if (OidIsValid(part->rd_rel->reltoastrelid)) bytes += BytesOf(part->rd_rel->reltoastrelid);
  relation_close(part, AccessShareLock);
  return bytes;
}

/// With what is stored out of line: an index of words reads all of that, too.
uint64 BytesOfTree(Oid table) {
  uint64 bytes = 0;
  ListCell *cell = nullptr;
  foreach (cell, TableTree(table, NoLock)) {
    if (get_rel_relkind(lfirst_oid(cell)) == RELKIND_RELATION) bytes += BytesOf(lfirst_oid(cell));
  }
  return bytes;
}

List *MissingStatements(const SearchDefinition &definition) {
  List *statements = NIL;
  Relation const table = relation_open(definition.item.source, AccessShareLock);
  WantedIndexes const wanted = ListWantedIndexes(definition);
  for (int i = 0; i < wanted.count; ++i) {
    if (wanted.items[i].is_optional) continue;
    if (FindIndex(table, wanted.items[i]).state != IndexState::kMissing) continue;
    statements = lappend(statements, pstrdup(PlainStatement(table, wanted.items[i])));
  }
  relation_close(table, AccessShareLock);
  return statements;
}

void RunAll(List *statements) {
  if (SPI_connect() != SPI_OK_CONNECT) elog(ERROR, "SPI_connect failed");
  ListCell *cell = nullptr;
  foreach (cell, statements) {
    int const result = SPI_execute(static_cast<const char *>(lfirst(cell)), false, 0);
    if (result != SPI_OK_UTILITY) elog(ERROR, "an index was not built: %s", SPI_result_code_string(result));
  }
  SPI_finish();
}

bool IsNeeded(const IndexLine &line) {
  return std::strcmp(line.state, "missing") == 0 || std::strcmp(line.state, "invalid") == 0;
}

} // namespace

void OfferIndexes(const char *type, bool build) {
  const SearchDefinition *const definition = RequireSearchDefinition(type);
  bool too_large = false;
  if (build) {
    too_large = BytesOfTree(definition->item.source) > static_cast<uint64>(kMaxBuildMegabytes) << 20U;
    if (!too_large) RunAll(MissingStatements(*definition));
  }
  IndexLines const lines = ListIndexLines(*definition);
  StringInfoData statements;
  initStringInfo(&statements);
  for (int i = 0; i < lines.count; ++i) {
    if (IsNeeded(lines.items[i])) appendStringInfo(&statements, "\n%s;", lines.items[i].statement);
  }
  if (statements.len == 0) return;
  ereport(NOTICE,
          (errmsg("searches of item type \"%s\" lack indexes, and are slow until these statements have been run:%s",
                  type, statements.data),
           too_large
               ? errhint("Nothing was built: the table is larger than %d MB, and writers would wait too long. Run "
                         "the statements one by one, outside of a transaction block; writers go on.",
                         kMaxBuildMegabytes)
               : errhint("Each is run by itself, outside of a transaction block, and lets writers go on. SELECT * "
                         "FROM itemize.search_indexes(%s) lists them again.",
                         quote_literal_cstr(type))));
}

} // namespace itemize

ITEMIZE_FUNCTION(itemize_search_indexes) {
  return itemize::Entry([&]() -> Datum {
    // No check of the library's version: the doctor asks, and tells of it.
    itemize::compat::InitMaterializedSrf(fcinfo);
    auto *const result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
    if (PG_ARGISNULL(0)) {
      itemize::ListAll(result);
    } else {
      itemize::ListOne(result, text_to_cstring(PG_GETARG_TEXT_PP(0)));
    }
    PG_RETURN_NULL();
  });
}
