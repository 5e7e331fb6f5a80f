#include "fetch/item_query.hpp"

#include <cstring>

#include "boundary/subtransaction.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "catalog/pg_class.h"
#include "catalog/pg_operator.h"
#include "utils/hsearch.h"
#include "utils/typcache.h"
}

namespace itemize {

namespace {

struct SavedQueryKey {
  char type[NAMEDATALEN];
  ItemQueryKind kind;
};

struct SavedQuery {
  SavedQueryKey key; ///< hash key
  char *text;
  SPIPlanPtr plan;
};

// One session's plans, by item type. Filled on first use; no constructor runs in the postmaster.
HTAB *saved_queries = nullptr;

SavedQuery &GetSavedQuery(const ItemDefinition &definition, ItemQueryKind kind) {
  if (saved_queries == nullptr) {
    HASHCTL control{};
    control.keysize = sizeof(SavedQueryKey);
    control.entrysize = sizeof(SavedQuery);
    control.hcxt = TopMemoryContext;
    saved_queries = hash_create("itemize item queries", 32, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
  }
  SavedQueryKey key;
  std::memset(&key, 0, sizeof(key));
  std::memcpy(key.type, NameStr(definition.type), NAMEDATALEN);
  key.kind = kind;
  bool found;
  auto *const query = static_cast<SavedQuery *>(hash_search(saved_queries, &key, HASH_ENTER, &found));
  if (!found) {
    query->text = nullptr;
    query->plan = nullptr;
  }
  return *query;
}

void AppendColumns(StringInfo query, const DefinitionColumn *columns, int count, const char *prefix) {
  for (int i = 0; i < count; ++i) {
    appendStringInfo(query, "%s%s%s", i > 0 ? ", " : "", prefix, quote_identifier(NameStr(columns[i].name)));
  }
}

bool IsPartitioned(const ItemDefinition &definition) {
  return get_rel_relkind(definition.source) == RELKIND_PARTITIONED_TABLE;
}

void AppendParameters(StringInfo query, int count) {
  for (int i = 0; i < count; ++i)
    appendStringInfo(query, "%s$%d", i > 0 ? ", " : "", i + 1);
}

bool IsByKeys(ItemQueryKind kind) { return kind == ItemQueryKind::kByKeys || kind == ItemQueryKind::kByFewKeys; }

} // namespace

void AppendEquality(StringInfo query, Oid type) {
  const TypeCacheEntry *const entry = lookup_type_cache(type, TYPECACHE_EQ_OPR);
  if (!OidIsValid(entry->eq_opr)) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION),
                    errmsg("type %s has no equality operator, so it cannot be a key", format_type_be(type))));
  }
  char *const name = get_opname(entry->eq_opr);
  HeapTuple const tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(entry->eq_opr));
  if (!HeapTupleIsValid(tuple)) elog(ERROR, "cache lookup failed for operator %u", entry->eq_opr);
  const Oid schema = reinterpret_cast<Form_pg_operator>(GETSTRUCT(tuple))->oprnamespace;
  ReleaseSysCache(tuple);
  appendStringInfo(query, "OPERATOR(%s.%s)", quote_identifier(get_namespace_name(schema)), name);
}

void AppendTable(StringInfo query, const ItemDefinition &definition) {
  // Of tables that inherit without being partitions no definition speaks.
  appendStringInfo(query, " %s%s AS t", IsPartitioned(definition) ? "" : "ONLY ",
                   quote_qualified_identifier(get_namespace_name(get_rel_namespace(definition.source)),
                                              get_rel_name(definition.source)));
}

void AppendSelectList(StringInfo query, const ItemDefinition &definition) {
  AppendColumns(query, definition.keys, definition.key_count, "t.");
  appendStringInfoString(query, ", ");
  AppendColumns(query, definition.fields, definition.field_count, "t.");
}

namespace {

void BuildQuery(StringInfo query, const ItemDefinition &definition, ItemQueryKind kind, const Oid *key_types) {
  if (IsByKeys(kind)) {
    appendStringInfoString(query, "SELECT k.ordinality, ");
    AppendSelectList(query, definition);
    appendStringInfoString(query, " FROM ROWS FROM (");
    for (int i = 0; i < definition.key_count; ++i) {
      appendStringInfo(query, "%spg_catalog.unnest($%d)", i > 0 ? ", " : "", i + 1);
    }
    appendStringInfoString(query, ") WITH ORDINALITY AS k(");
    for (int i = 0; i < definition.key_count; ++i)
      appendStringInfo(query, "k%d, ", i);
    appendStringInfoString(query, "ordinality) JOIN");
    AppendTable(query, definition);
    appendStringInfoString(query, " ON ");
    for (int i = 0; i < definition.key_count; ++i) {
      appendStringInfo(query, "%st.%s ", i > 0 ? " AND " : "", quote_identifier(NameStr(definition.keys[i].name)));
      AppendEquality(query, key_types[i]);
      appendStringInfo(query, " k.k%d", i);
    }
    // Says nothing new, but to the planner: it opens no partition in which none of the keys can be.
    const bool prune = kind == ItemQueryKind::kByFewKeys && IsPartitioned(definition);
    for (int i = 0; i < definition.key_count && prune; ++i) {
      appendStringInfo(query, "%st.%s ", i > 0 ? " AND " : " WHERE ",
                       quote_identifier(NameStr(definition.keys[i].name)));
      AppendEquality(query, key_types[i]);
      appendStringInfo(query, " ANY ($%d)", i + 1);
    }
    return;
  }
  appendStringInfoString(query, "SELECT ");
  AppendSelectList(query, definition);
  appendStringInfoString(query, " FROM");
  AppendTable(query, definition);
  if (kind == ItemQueryKind::kAfter) {
    appendStringInfoString(query, " WHERE ROW(");
    AppendColumns(query, definition.keys, definition.key_count, "t.");
    appendStringInfoString(query, ") > ROW(");
    AppendParameters(query, definition.key_count);
    appendStringInfoChar(query, ')');
  }
  appendStringInfoString(query, " ORDER BY ");
  AppendColumns(query, definition.keys, definition.key_count, "t.");
  appendStringInfo(query, " LIMIT $%d", kind == ItemQueryKind::kAfter ? definition.key_count + 1 : 1);
}

int ParameterTypes(const ItemDefinition &definition, ItemQueryKind kind, const Oid *key_types, Oid *types) {
  int count = 0;
  if (kind != ItemQueryKind::kFirst) {
    for (int i = 0; i < definition.key_count; ++i) {
      types[count++] = IsByKeys(kind) ? get_array_type(key_types[i]) : key_types[i];
    }
  }
  if (!IsByKeys(kind)) types[count++] = INT8OID;
  return count;
}

} // namespace

void GetKeyTypes(const ItemDefinition &definition, Oid *types) {
  for (int i = 0; i < definition.key_count; ++i) {
    const Oid type = get_atttype(definition.source, definition.keys[i].attnum);
    if (!OidIsValid(type)) {
      ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                      errmsg("key column \"%s\" of item type \"%s\" is gone", NameStr(definition.keys[i].name),
                             NameStr(definition.type)),
                      errhint("Define the type again with replace => true.")));
    }
    types[i] = getBaseType(type);
  }
}

SPIPlanPtr PrepareItemQuery(const ItemDefinition &definition, ItemQueryKind kind) {
  auto *const key_types = static_cast<Oid *>(palloc(static_cast<Size>(definition.key_count) * sizeof(Oid)));
  auto *const types = static_cast<Oid *>(palloc(static_cast<Size>(definition.key_count + 1) * sizeof(Oid)));
  GetKeyTypes(definition, key_types);
  StringInfoData text;
  initStringInfo(&text);
  BuildQuery(&text, definition, kind, key_types);
  SavedQuery &query = GetSavedQuery(definition, kind);
  if (query.plan != nullptr && std::strcmp(query.text, text.data) == 0) return query.plan;
  const int count = ParameterTypes(definition, kind, key_types, types);
  // Which partitions those are is found when it is planned.
  const bool plan_anew = kind == ItemQueryKind::kByFewKeys && IsPartitioned(definition);
  SPIPlanPtr const plan = SPI_prepare_cursor(text.data, count, types, plan_anew ? CURSOR_OPT_CUSTOM_PLAN : 0);
  if (plan == nullptr) elog(ERROR, "could not prepare an item query: %s", SPI_result_code_string(SPI_result));
  char *const saved_text = MemoryContextStrdup(TopMemoryContext, text.data);
  if (SPI_keepplan(plan) != 0) elog(ERROR, "could not keep the plan of an item query");
  if (query.plan != nullptr) {
    SPI_freeplan(query.plan);
    pfree(query.text);
  }
  query.plan = plan;
  query.text = saved_text;
  return plan;
}

bool ParseKeyValue(Oid column_type, const char *text, Datum &value) {
  Oid input_function;
  Oid parameter;
  getTypeInputInfo(column_type, &input_function, &parameter);
  switch (column_type) {
  case TEXTOID:
  case VARCHAROID:
  case BPCHAROID: value = OidInputFunctionCall(input_function, const_cast<char *>(text), parameter, -1); return true;
  default: break;
  }
  // The input functions of this server raise for what is no value of their type. A key that a client
  // made up is no error but a key without an item: raise within a subtransaction, and roll that back.
  ErrorData *const error = TryInSubtransaction(
      [&] { value = OidInputFunctionCall(input_function, const_cast<char *>(text), parameter, -1); });
  if (error == nullptr) return true;
  // Data that is wrong for the type (class 22); everything else, a cancelled query say, goes on.
  if (ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_DATA_EXCEPTION) ReThrowError(error);
  return false;
}

} // namespace itemize
