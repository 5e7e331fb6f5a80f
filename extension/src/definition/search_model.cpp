#include "definition/search_model.hpp"

#include <cstring>

#include "definition/column_rules.hpp"
#include "definition/definition_store.hpp"
#include "definition/search_index.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "catalog/pg_collation.h"
}

namespace itemize {

namespace {

constexpr char kNoLanguage[] = "und"; // ISO 639-2: undetermined

[[noreturn]] void RefuseUndefined(const char *type) {
  ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("item type \"%s\" is not defined", type),
                  errhint("SELECT * FROM itemize.definitions lists those that are; itemize.define makes one.")));
}

DefinitionColumn ResolveColumn(const ItemDefinition &item, const char *name) {
  DefinitionColumn column;
  namestrcpy(&column.name, name);
  column.attnum = get_attnum(item.source, name);
  return column;
}

void CheckColumns(const ItemDefinition &item, const DefinitionColumn *columns, int count) {
  for (int i = 0; i < count; ++i) {
    if (columns[i].attnum > 0) continue;
    ereport(ERROR,
            (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
             errmsg("column \"%s\" of the item type \"%s\" is gone", NameStr(columns[i].name), NameStr(item.type)),
             errhint("Define it anew with replace => true and the columns that are left. In a transaction that "
                     "began before the change, begin another one.")));
  }
}

DefinitionColumn *Single(const DefinitionColumn &column) {
  auto *const copy = static_cast<DefinitionColumn *>(palloc(sizeof(DefinitionColumn)));
  *copy = column;
  return copy;
}

template <typename Element>
void Append(Element *&elements, int &count, const Element &element) {
  Size const size = sizeof(Element) * static_cast<Size>(count + 1);
  elements = static_cast<Element *>(elements == nullptr ? palloc(size) : repalloc(elements, size));
  elements[count++] = element;
}

bool IsGeography(const ItemDefinition &item, const DefinitionColumn &column) {
  return PostgisTypeOf(getBaseType(get_atttype(item.source, column.attnum))) == PostgisType::kGeography;
}

void Take(SearchDefinition &definition, ColumnPurpose purpose, const char *name, const char *detail) {
  DefinitionColumn column = {};
  if (name != nullptr) {
    column = ResolveColumn(definition.item, name);
    CheckColumns(definition.item, &column, 1);
  }
  switch (purpose) {
  case ColumnPurpose::kText: {
    SearchText const text = {column.name, column.attnum, detail != nullptr ? detail[0] : 'D'};
    Append(definition.texts, definition.text_count, text);
    return;
  }
  case ColumnPurpose::kLanguage:
    if (name != nullptr) {
      definition.language_column = Single(column);
    } else {
      definition.language = detail;
    }
    return;
  case ColumnPurpose::kLocation:
    definition.location = Single(column);
    definition.location_is_geography = IsGeography(definition.item, column);
    return;
  case ColumnPurpose::kPrice: definition.price = Single(column); return;
  case ColumnPurpose::kCurrency:
    if (name != nullptr) {
      definition.currency_column = Single(column);
    } else {
      definition.currency = detail;
    }
    return;
  case ColumnPurpose::kFacet: Append(definition.facets, definition.facet_count, column); return;
  case ColumnPurpose::kOwner: definition.owner = Single(column); return;
  case ColumnPurpose::kParent: definition.parent = Single(column); return;
  case ColumnPurpose::kChanged: definition.changed = Single(column); return;
  case ColumnPurpose::kKey:
  case ColumnPurpose::kField:
  case ColumnPurpose::kCacheControl: return;
  }
}

void ReadSearchColumns(const DefinitionCatalog &catalog, SearchDefinition &definition, Snapshot snapshot) {
  Relation const item_column = table_open(catalog.item_column, AccessShareLock);
  Relation const index = index_open(catalog.item_column_index, AccessShareLock);
  TupleDesc const description = RelationGetDescr(item_column);
  ScanKeyData key;
  ScanKeyInit(&key, kItemColumnItemType, BTEqualStrategyNumber, F_TEXTEQ,
              CStringGetTextDatum(NameStr(definition.item.type)));
  key.sk_collation = C_COLLATION_OID;
  SysScanDesc scan = systable_beginscan_ordered(item_column, index, snapshot, 1, &key);
  while (HeapTuple tuple = systable_getnext_ordered(scan, ForwardScanDirection)) {
    bool has_no_name = false;
    bool has_no_detail = false;
    bool is_null = false;
    Datum const purpose = heap_getattr(tuple, kItemColumnPurpose, description, &is_null);
    Datum const name = heap_getattr(tuple, kItemColumnName, description, &has_no_name);
    Datum const detail = heap_getattr(tuple, kItemColumnDetail, description, &has_no_detail);
    Take(definition, PurposeOf(TextDatumGetCString(purpose)), has_no_name ? nullptr : TextDatumGetCString(name),
         has_no_detail ? nullptr : TextDatumGetCString(detail));
  }
  systable_endscan_ordered(scan);
  index_close(index, AccessShareLock);
  table_close(item_column, AccessShareLock);
}

SearchDefinition *ReadRows(const char *type, Snapshot snapshot) {
  DefinitionCatalog catalog;
  const ItemDefinition *const item = LookUpDefinitionCatalog(catalog) ? FindDefinitionByType(type, snapshot) : nullptr;
  if (item == nullptr) RefuseUndefined(type);
  CheckColumns(*item, item->keys, item->key_count);
  CheckColumns(*item, item->fields, item->field_count);
  auto *const definition = static_cast<SearchDefinition *>(palloc0(sizeof(SearchDefinition)));
  definition->item = *item;
  ReadSearchColumns(catalog, *definition, snapshot);
  if (definition->currency == nullptr && definition->currency_column == nullptr) definition->price = nullptr;
  if (definition->language == nullptr && definition->language_column == nullptr) definition->language = kNoLanguage;
  return definition;
}

Oid NamespaceOfType(Oid type) {
  HeapTuple const tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
  if (!HeapTupleIsValid(tuple)) elog(ERROR, "cache lookup failed for type %u", type);
  Oid const schema = reinterpret_cast<Form_pg_type>(GETSTRUCT(tuple))->typnamespace;
  ReleaseSysCache(tuple);
  return schema;
}

const char *Qualified(const char *alias, const NameData &name) {
  const char *const column = quote_identifier(NameStr(name));
  // Never the name's own memory, which quote_identifier may return.
  return alias == nullptr ? pstrdup(column) : psprintf("%s.%s", quote_identifier(alias), column);
}

/// A column as text, by the cast that an index can have; as it is where it is as good as text.
const char *AsText(const SearchDefinition &definition, const DefinitionColumn &column, const char *alias) {
  Oid const type = get_atttype(definition.item.source, column.attnum);
  const char *const qualified = Qualified(alias, column.name);
  return type == TEXTOID || type == VARCHAROID ? qualified : psprintf("(%s)::pg_catalog.text", qualified);
}

} // namespace

SearchDefinition *ReadSearchDefinition(const char *type) {
  // One snapshot for all of it: what define writes is of one piece.
  Snapshot const snapshot = RegisterSnapshot(GetCatalogSnapshot(InvalidOid));
  SearchDefinition *const definition = ReadRows(type, snapshot);
  UnregisterSnapshot(snapshot);
  definition->document_column = FindDocumentColumn(*definition);
  definition->document_index = FindDocumentIndex(*definition);
  definition->unindexed = FindUnindexed(*definition);
  return definition;
}

const char *ColumnExpression(const DefinitionColumn &column, const char *alias) {
  return Qualified(alias, column.name);
}

const char *LanguageExpression(const SearchDefinition &definition, const char *alias) {
  if (definition.language_column != nullptr) return AsText(definition, *definition.language_column, alias);
  return psprintf("%s::pg_catalog.text", quote_literal_cstr(definition.language));
}

const char *DocumentExpression(const SearchDefinition &definition, const char *alias) {
  if (definition.document_column == nullptr) return ComputedDocumentExpression(definition, alias);
  NameData name;
  namestrcpy(&name, definition.document_column);
  return Qualified(alias, name);
}

const char *ComputedDocumentExpression(const SearchDefinition &definition, const char *alias) {
  StringInfoData call;
  initStringInfo(&call);
  appendStringInfo(&call, "itemize.document(%s, '",
                   definition.language_column != nullptr ? AsText(definition, *definition.language_column, alias)
                                                         : quote_literal_cstr(definition.language));
  for (int i = 0; i < definition.text_count; ++i) {
    bool is_shared = false;
    for (int j = 0; j < definition.text_count; ++j)
      is_shared = is_shared || (i != j && definition.texts[j].weight == definition.texts[i].weight);
    char const weight = definition.texts[i].weight;
    appendStringInfoChar(&call, is_shared ? static_cast<char>(weight - 'A' + 'a') : weight);
  }
  appendStringInfoChar(&call, '\'');
  for (int i = 0; i < definition.text_count; ++i) {
    DefinitionColumn const column = {definition.texts[i].name, definition.texts[i].attnum};
    appendStringInfo(&call, ", %s", AsText(definition, column, alias));
  }
  appendStringInfoChar(&call, ')');
  return call.data;
}

const char *LocationExpression(const SearchDefinition &definition, const char *alias) {
  const char *const column = Qualified(alias, definition.location->name);
  if (definition.location_is_geography) return column;
  Oid const geometry = getBaseType(get_atttype(definition.item.source, definition.location->attnum));
  return psprintf("(%s)::%s", column,
                  quote_qualified_identifier(get_namespace_name(NamespaceOfType(geometry)), "geography"));
}

const char *PriceExpression(const SearchDefinition &definition, const char *alias) {
  const char *const column = Qualified(alias, definition.price->name);
  Oid const type = getBaseType(get_atttype(definition.item.source, definition.price->attnum));
  return type == NUMERICOID ? column : psprintf("(%s)::pg_catalog.numeric", column);
}

const char *CurrencyExpression(const SearchDefinition &definition, const char *alias) {
  if (definition.currency_column != nullptr) return AsText(definition, *definition.currency_column, alias);
  return psprintf("%s::pg_catalog.text", quote_literal_cstr(definition.currency));
}

} // namespace itemize
