#include "definition/search_index.hpp"

#include <cstring>

#include "definition/partitions.hpp"
#include "definition/source_table.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "commands/defrem.h"
#include "common/hashfn.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_relation.h"
#include "rewrite/rewriteHandler.h"
}

namespace itemize {

namespace {

// Expressions are compared as the catalogs have them, parsed and no more: the planner's forms of them (as relcache
// entries have) come of running functions of the table's owner as whoever asks, who may be a superuser.

/// The expression as the catalog would have it as an index's or a generated column's.
Node *ParseExpression(Relation table, const char *expression) {
  List *const statements = compat::ParseSql(psprintf("SELECT %s", expression));
  auto *const select = castNode(SelectStmt, linitial_node(RawStmt, statements)->stmt);
  Node *const raw = linitial_node(ResTarget, select->targetList)->val;
  ParseState *const state = make_parsestate(nullptr);
  ParseNamespaceItem *const item = addRangeTableEntryForRelation(state, table, AccessShareLock, nullptr, false, true);
  addNSItemToQuery(state, item, false, true, true);
  Node *const parsed = transformExpr(state, raw, EXPR_KIND_INDEX_EXPRESSION);
  assign_expr_collations(state, parsed);
  free_parsestate(state);
  return parsed;
}

/// What an index has in a place: a column, or the next of its expressions.
struct IndexKeys {
  Form_pg_index form;
  List *expressions;
  const oidvector *classes;
  const oidvector *collations;
};

bool HasKey(const IndexKeys &keys, int place, Node *wanted, Oid method) {
  AttrNumber const column = keys.form->indkey.values[place];
  if (column != 0) {
    if (!IsA(wanted, Var) || castNode(Var, wanted)->varattno != column) return false;
  } else {
    int expression = 0;
    for (int i = 0; i < place; ++i)
      expression += keys.form->indkey.values[i] == 0 ? 1 : 0;
    if (keys.expressions == NIL || expression >= list_length(keys.expressions)) return false;
    if (!equal(list_nth(keys.expressions, expression), wanted)) return false;
  }
  Oid const collation = exprCollation(wanted);
  return keys.classes->values[place] == GetDefaultOpClass(exprType(wanted), method) &&
         (!OidIsValid(collation) || keys.collations->values[place] == collation);
}

constexpr int kNowhere = -1;

/// Where in the index what is wanted begins. A GIN index serves each of its columns alike; others serve the first ones.
int FindPlace(const IndexKeys &keys, const WantedIndex &wanted, Node *const *parsed, Oid method) {
  int const columns = keys.form->indnkeyatts;
  if (columns < wanted.count) return kNowhere;
  bool const any_place = std::strcmp(wanted.method, "gin") == 0;
  for (int first = 0; first <= (any_place ? columns - wanted.count : 0); ++first) {
    bool fits = true;
    for (int i = 0; i < wanted.count && fits; ++i)
      fits = HasKey(keys, first + i, parsed[i], method);
    if (fits) return first;
  }
  return kNowhere;
}

const oidvector *IndexVector(HeapTuple tuple, AttrNumber column) {
  bool is_null = false;
  Datum const value = SysCacheGetAttr(INDEXRELID, tuple, column, &is_null);
  Assert(!is_null);
  return reinterpret_cast<const oidvector *>(DatumGetPointer(value));
}

List *ExpressionsOf(HeapTuple tuple) {
  bool is_null = false;
  Datum const value = SysCacheGetAttr(INDEXRELID, tuple, Anum_pg_index_indexprs, &is_null);
  return is_null ? NIL : static_cast<List *>(stringToNode(TextDatumGetCString(value)));
}

/// A column of the table by itself, as ParseExpression would have it.
Node *MakeColumn(Relation table, AttrNumber column) {
  Form_pg_attribute const attribute = TupleDescAttr(RelationGetDescr(table), column - 1);
  return reinterpret_cast<Node *>(
      makeVar(1, column, attribute->atttypid, attribute->atttypmod, attribute->attcollation, 0));
}

/// How the first column of an index is ordered: INDOPTION_... of catalog/pg_index.h.
int16 FirstOptionOf(Oid index) {
  HeapTuple const tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
  if (!HeapTupleIsValid(tuple)) return 0;
  bool is_null = false;
  Datum const value = SysCacheGetAttr(INDEXRELID, tuple, Anum_pg_index_indoption, &is_null);
  Assert(!is_null);
  int16 const option = reinterpret_cast<const int2vector *>(DatumGetPointer(value))->values[0];
  ReleaseSysCache(tuple);
  return option;
}

FoundIndex Check(Oid index_oid, const WantedIndex &wanted, Node *const *parsed, Oid method) {
  Relation const index = try_relation_open(index_oid, AccessShareLock);
  FoundIndex found = {IndexState::kMissing, InvalidOid, 0};
  if (index == nullptr) return found;
  Form_pg_index const form = index->rd_index;
  if (RelationGetForm(index)->relam == method && form->indislive &&
      heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, nullptr)) {
    IndexKeys const keys = {form, ExpressionsOf(index->rd_indextuple),
                            IndexVector(index->rd_indextuple, Anum_pg_index_indclass),
                            IndexVector(index->rd_indextuple, Anum_pg_index_indcollation)};
    int const place = FindPlace(keys, wanted, parsed, method);
    if (place != kNowhere) {
      bool const is_usable = form->indisvalid && form->indisready;
      found = {is_usable ? IndexState::kPresent : IndexState::kInvalid, index_oid, place};
    }
  }
  relation_close(index, AccessShareLock);
  return found;
}

const char *SchemaOf(Oid relation) { return get_namespace_name(get_rel_namespace(relation)); }

const char *LabelOf(Oid relation) { return quote_qualified_identifier(SchemaOf(relation), get_rel_name(relation)); }

/// `TABLE_LABEL_idx`, cut where the server would cut it, but so that tables whose names begin alike get names of their
/// own; with a number behind where the name is taken.
const char *NameFor(Oid table, const WantedIndex &wanted) {
  const char *const table_name = get_rel_name(table);
  const char *name = psprintf("%s_%s_idx", table_name, wanted.label);
  if (std::strlen(name) >= NAMEDATALEN) {
    uint32 const hash =
        DatumGetUInt32(hash_any(reinterpret_cast<const unsigned char *>(name), static_cast<int>(std::strlen(name))));
    name = makeObjectName(table_name, wanted.label, psprintf("%08x", hash));
  }
  Oid const schema = get_rel_namespace(table);
  const char *free_name = name;
  for (int i = 1; OidIsValid(get_relname_relid(free_name, schema)); ++i) {
    char suffix[16];
    snprintf(suffix, sizeof(suffix), "%d", i);
    free_name = makeObjectName(name, nullptr, suffix);
  }
  return free_name;
}

const char *KeysOf(const WantedIndex &wanted) {
  StringInfoData keys;
  initStringInfo(&keys);
  for (int i = 0; i < wanted.count; ++i)
    appendStringInfo(&keys, "%s%s", i == 0 ? "" : ", ", wanted.expressions[i]);
  return psprintf("USING %s (%s)", wanted.method, keys.data);
}

const char *PurposeWord(SearchPurpose purpose) {
  switch (purpose) {
  case SearchPurpose::kText: return "text";
  case SearchPurpose::kLocation: return "location";
  case SearchPurpose::kPrice: return "price";
  case SearchPurpose::kChanged: return "changed";
  case SearchPurpose::kOwner: return "owner";
  case SearchPurpose::kParent: return "parent";
  case SearchPurpose::kFacet: return "facets";
  }
  return "";
}

void AddLine(IndexLines &lines, const char *purpose, const char *state, const char *statement) {
  Size const size = sizeof(IndexLine) * static_cast<Size>(lines.count + 1);
  lines.items = static_cast<IndexLine *>(lines.items == nullptr ? palloc(size) : repalloc(lines.items, size));
  lines.items[lines.count++] = {purpose, state, statement};
}

/// The statements for one index of a table and its partitions.
class Statements {
public:
  Statements(const WantedIndex &wanted, IndexLines &lines) : wanted_(wanted), lines_(lines) {}

  void AddFor(Relation table) {
    FoundIndex const found = FindIndex(table, wanted_);
    if (found.state == IndexState::kPresent) {
      AddLine(lines_, PurposeWord(wanted_.purpose), "present", nullptr);
      return;
    }
    state_ = wanted_.is_optional ? "optional" : found.state == IndexState::kInvalid ? "invalid" : "missing";
    (void)Complete(table, found);
  }

private:
  void Add(const char *statement) { AddLine(lines_, PurposeWord(wanted_.purpose), state_, statement); }

  /// Makes the index of a table whole; returns its name.
  const char *Complete(Relation table, const FoundIndex &found) {
    Oid const oid = RelationGetRelid(table);
    bool const is_partitioned = RelationGetForm(table)->relkind == RELKIND_PARTITIONED_TABLE;
    const char *label = nullptr;
    if (found.state != IndexState::kMissing) {
      label = LabelOf(found.index);
      if (!is_partitioned && found.state == IndexState::kInvalid) Add(psprintf("REINDEX INDEX CONCURRENTLY %s", label));
    } else {
      const char *const name = NameFor(oid, wanted_);
      label = quote_qualified_identifier(SchemaOf(oid), name);
      Add(psprintf("CREATE INDEX %s%s ON %s%s %s", is_partitioned ? "" : "CONCURRENTLY ", quote_identifier(name),
                   is_partitioned ? "ONLY " : "", TableLabel(table), KeysOf(wanted_)));
    }
    if (is_partitioned && found.state != IndexState::kPresent) CompletePartitions(oid, label, found.index);
    return label;
  }

  void CompletePartitions(Oid table, const char *label, Oid parent_index) {
    ListCell *cell = nullptr;
    foreach (cell, find_inheritance_children(table, NoLock)) {
      Relation const partition = try_relation_open(lfirst_oid(cell), AccessShareLock);
      if (partition == nullptr) continue;
      FoundIndex const found = FindIndex(partition, wanted_);
      const char *const partition_label = Complete(partition, found);
      bool const is_attached =
          OidIsValid(parent_index) && OidIsValid(found.index) && ParentOfIndex(found.index) == parent_index;
      if (!is_attached) Add(psprintf("ALTER INDEX %s ATTACH PARTITION %s", label, partition_label));
      relation_close(partition, AccessShareLock);
    }
  }

  static Oid ParentOfIndex(Oid index) {
    return get_rel_relispartition(index) ? compat::PartitionParent(index) : InvalidOid;
  }

  const WantedIndex &wanted_;
  IndexLines &lines_;
  const char *state_ = "missing";
};

/// The generated column whose expression is the document; InvalidAttrNumber when there is none.
AttrNumber DocumentColumn(Relation table, const char *expression) {
  TupleDesc const description = RelationGetDescr(table);
  Node *wanted = nullptr;
  for (int i = 0; i < description->natts; ++i) {
    Form_pg_attribute const attribute = TupleDescAttr(description, i);
    if (attribute->attisdropped || attribute->attgenerated != ATTRIBUTE_GENERATED_STORED ||
        attribute->atttypid != TSVECTOROID) {
      continue;
    }
    if (wanted == nullptr) wanted = ParseExpression(table, expression);
    Node *const generated = build_column_default(table, attribute->attnum);
    if (generated != nullptr && equal(generated, wanted)) return attribute->attnum;
  }
  return InvalidAttrNumber;
}

WantedIndex TextIndex(const char *document) {
  return {SearchPurpose::kText, false, "gin", 1, {document, nullptr}, "text"};
}

float4 RowsOf(Oid relation) {
  HeapTuple const tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
  if (!HeapTupleIsValid(tuple)) return -1;
  float4 const rows = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->reltuples;
  ReleaseSysCache(tuple);
  return rows;
}

/// The partition that has most rows, by what ANALYZE found; a table itself when it is none.
Oid LargestPart(Oid table) {
  if (get_rel_relkind(table) != RELKIND_PARTITIONED_TABLE) return table;
  Oid largest = InvalidOid;
  float4 most = -1;
  ListCell *cell = nullptr;
  foreach (cell, find_all_inheritors(table, NoLock, nullptr)) {
    Oid const part = lfirst_oid(cell);
    float4 const rows = get_rel_relkind(part) == RELKIND_RELATION ? RowsOf(part) : -1;
    if (rows > most) {
      largest = part;
      most = rows;
    }
  }
  return largest;
}

void Want(WantedIndexes &list, const WantedIndex &wanted) { list.items[list.count++] = wanted; }

/// An index for equality with a column's values, and for their order where they have one.
void WantForColumn(WantedIndexes &list, const SearchDefinition &definition, SearchPurpose purpose,
                   const DefinitionColumn &column, const char *label) {
  Oid const type = getBaseType(get_atttype(definition.item.source, column.attnum));
  const char *method = nullptr;
  if (OidIsValid(get_element_type(type)) || type == JSONBOID) {
    method = "gin";
  } else if (OidIsValid(GetDefaultOpClass(type, BTREE_AM_OID))) {
    method = "btree";
  } else if (OidIsValid(GetDefaultOpClass(type, HASH_AM_OID))) {
    method = "hash";
  } else {
    return;
  }
  Want(list,
       {purpose, purpose == SearchPurpose::kFacet, method, 1, {ColumnExpression(column, nullptr), nullptr}, label});
}

/// An expression as CREATE INDEX takes it: what is no column in parentheses.
const char *AsKey(const char *expression, const DefinitionColumn &column) {
  return std::strcmp(expression, ColumnExpression(column, nullptr)) == 0 ? expression : psprintf("(%s)", expression);
}

} // namespace

WantedIndexes ListWantedIndexes(const SearchDefinition &definition) {
  constexpr int kOthers = 6;
  WantedIndexes list = {0, nullptr};
  list.items =
      static_cast<WantedIndex *>(palloc0(sizeof(WantedIndex) * static_cast<Size>(definition.facet_count + kOthers)));
  if (definition.text_count > 0) {
    const char *const document = DocumentExpression(definition, nullptr);
    Want(list, TextIndex(definition.document_column != nullptr ? document : psprintf("(%s)", document)));
  }
  if (definition.location != nullptr) {
    const char *const location = AsKey(LocationExpression(definition, nullptr), *definition.location);
    Want(list, {SearchPurpose::kLocation, false, "gist", 1, {location, nullptr}, "location"});
  }
  if (definition.price != nullptr) {
    const char *const price = AsKey(PriceExpression(definition, nullptr), *definition.price);
    if (definition.currency_column != nullptr) {
      const char *const currency = AsKey(CurrencyExpression(definition, nullptr), *definition.currency_column);
      Want(list, {SearchPurpose::kPrice, false, "btree", 2, {currency, price}, "price"});
    } else {
      Want(list, {SearchPurpose::kPrice, false, "btree", 1, {price, nullptr}, "price"});
    }
  }
  if (definition.changed != nullptr) {
    WantForColumn(list, definition, SearchPurpose::kChanged, *definition.changed, "changed");
  }
  if (definition.owner != nullptr) {
    WantForColumn(list, definition, SearchPurpose::kOwner, *definition.owner, "owner");
  }
  if (definition.parent != nullptr) {
    WantForColumn(list, definition, SearchPurpose::kParent, *definition.parent, "parent");
  }
  for (int i = 0; i < definition.facet_count; ++i) {
    const DefinitionColumn &facet = definition.facets[i];
    WantForColumn(list, definition, SearchPurpose::kFacet, facet, psprintf("facet_%s", NameStr(facet.name)));
  }
  return list;
}

FoundIndex FindIndex(Relation table, const WantedIndex &wanted) {
  Oid const method = get_index_am_oid(wanted.method, false);
  FoundIndex best = {IndexState::kMissing, InvalidOid, 0};
  Node *parsed[lengthof(wanted.expressions)] = {};
  List *const indexes = RelationGetIndexList(table);
  ListCell *cell = nullptr;
  foreach (cell, indexes) {
    for (int i = 0; i < wanted.count && parsed[i] == nullptr; ++i)
      parsed[i] = ParseExpression(table, wanted.expressions[i]);
    FoundIndex const found = Check(lfirst_oid(cell), wanted, parsed, method);
    if (found.state < best.state) best = found;
    if (best.state == IndexState::kPresent) break;
  }
  list_free(indexes);
  return best;
}

IndexOrders FindIndexOrders(Oid table_oid, AttrNumber column, const char *expression) {
  IndexOrders orders = {false, false};
  Relation const table = relation_open(table_oid, AccessShareLock);
  WantedIndex const wanted = {SearchPurpose::kFacet, true, "btree", 1, {expression, nullptr}, ""};
  Node *const parsed = expression != nullptr ? ParseExpression(table, expression) : MakeColumn(table, column);
  List *const indexes = RelationGetIndexList(table);
  ListCell *cell = nullptr;
  foreach (cell, indexes) {
    Oid const index = lfirst_oid(cell);
    if (Check(index, wanted, &parsed, BTREE_AM_OID).state != IndexState::kPresent) continue;
    bool const is_downwards = (FirstOptionOf(index) & INDOPTION_DESC) != 0;
    bool const nulls_first = (FirstOptionOf(index) & INDOPTION_NULLS_FIRST) != 0;
    (is_downwards == nulls_first ? orders.nulls_last : orders.nulls_first) = true;
  }
  list_free(indexes);
  relation_close(table, AccessShareLock);
  return orders;
}

IndexLines ListIndexLines(const SearchDefinition &definition) {
  IndexLines lines = {0, nullptr};
  Relation const table = relation_open(definition.item.source, AccessShareLock);
  WantedIndexes const wanted = ListWantedIndexes(definition);
  for (int i = 0; i < wanted.count; ++i)
    Statements(wanted.items[i], lines).AddFor(table);
  if (definition.text_count > 0) {
    const char *const document = ComputedDocumentExpression(definition, nullptr);
    AttrNumber const column = DocumentColumn(table, document);
    if (column != InvalidAttrNumber) {
      AddLine(lines, "text column", "present", nullptr);
      // Searches go on by the index on the expression, and do not read the column, until it has an index of its own.
      if (definition.document_column == nullptr) {
        const char *const name = get_attname(RelationGetRelid(table), column, false);
        Statements(TextIndex(quote_identifier(name)), lines).AddFor(table);
      }
    } else {
      const char *name = "search_document";
      for (int i = 1; get_attnum(definition.item.source, name) != InvalidAttrNumber; ++i)
        name = psprintf("search_document_%d", i);
      AddLine(lines, "text column", "recommended",
              psprintf("ALTER TABLE %s ADD COLUMN %s tsvector GENERATED ALWAYS AS (%s) STORED "
                       "/* ranks faster; rewrites the whole table under a lock that nobody gets past, and makes rows "
                       "larger; then another index for text is needed */",
                       TableLabel(table), name, document));
    }
  }
  relation_close(table, AccessShareLock);
  return lines;
}

const char *PlainStatement(Relation table, const WantedIndex &wanted) {
  return psprintf("CREATE INDEX %s ON %s %s", quote_identifier(NameFor(RelationGetRelid(table), wanted)),
                  TableLabel(table), KeysOf(wanted));
}

const char *FindDocumentColumn(const SearchDefinition &definition) {
  if (definition.text_count == 0) return nullptr;
  Relation const table = relation_open(definition.item.source, AccessShareLock);
  const char *const expression = ComputedDocumentExpression(definition, nullptr);
  AttrNumber const column = DocumentColumn(table, expression);
  const char *name = column != InvalidAttrNumber ? get_attname(RelationGetRelid(table), column, false) : nullptr;
  if (name != nullptr && FindIndex(table, TextIndex(quote_identifier(name))).state != IndexState::kPresent &&
      FindIndex(table, TextIndex(expression)).state == IndexState::kPresent) {
    name = nullptr;
  }
  relation_close(table, AccessShareLock);
  return name;
}

DocumentIndex FindDocumentIndex(const SearchDefinition &definition) {
  if (definition.text_count == 0 || definition.document_column != nullptr) return {InvalidOid, 0};
  Oid const part = LargestPart(definition.item.source);
  Relation const table = OidIsValid(part) ? try_relation_open(part, AccessShareLock) : nullptr;
  if (table == nullptr) return {InvalidOid, 0};
  FoundIndex const found = FindIndex(table, TextIndex(ComputedDocumentExpression(definition, nullptr)));
  relation_close(table, AccessShareLock);
  return {found.index, static_cast<AttrNumber>(found.place + 1)};
}

uint32 FindUnindexed(const SearchDefinition &definition) {
  Relation const table = relation_open(definition.item.source, AccessShareLock);
  WantedIndexes const wanted = ListWantedIndexes(definition);
  uint32 purposes = 0;
  for (int i = 0; i < wanted.count; ++i) {
    if (FindIndex(table, wanted.items[i]).state == IndexState::kPresent) continue;
    purposes |= 1U << static_cast<unsigned>(wanted.items[i].purpose);
  }
  relation_close(table, AccessShareLock);
  return purposes;
}

} // namespace itemize
