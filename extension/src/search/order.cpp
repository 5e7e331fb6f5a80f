#include "search/order.hpp"

#include <algorithm>
#include <cstring>

#include "boundary/entry.hpp"
#include "search/order_words.hpp"

#include "boundary/prelude.hpp"

namespace itemize {

namespace {

struct ColumnFacts {
  Oid type;
  bool not_null;
};

ColumnFacts FactsOf(const SearchDefinition &definition, const DefinitionColumn &column) {
  return CallPg([&] {
    HeapTuple const tuple =
        SearchSysCache2(ATTNUM, ObjectIdGetDatum(definition.item.source), Int16GetDatum(column.attnum));
    if (!HeapTupleIsValid(tuple)) {
      ereport(ERROR,
              (errcode(ERRCODE_UNDEFINED_COLUMN),
               errmsg("column \"%s\" of item type \"%s\" is gone", NameStr(column.name), NameStr(definition.item.type)),
               errhint("Define the type again with replace => true.")));
    }
    const auto *const attribute = reinterpret_cast<Form_pg_attribute>(GETSTRUCT(tuple));
    const ColumnFacts facts = {getBaseType(attribute->atttypid), attribute->attnotnull};
    ReleaseSysCache(tuple);
    return facts;
  });
}

SortItem ColumnItem(const SearchDefinition &definition, const DefinitionColumn &column) {
  const ColumnFacts facts = FactsOf(definition, column);
  SortItem item = {};
  item.kind = SortItem::Kind::kColumn;
  item.name = NameStr(column.name);
  item.expression = ColumnText(NameStr(column.name));
  item.type = facts.type;
  item.nullable = !facts.not_null;
  item.column = column.attnum;
  item.operators = DefaultOrder(facts.type, NameStr(column.name));
  return item;
}

SortItem ComputedItem(SortItem::Kind kind, const char *name, Oid type, bool nullable) {
  SortItem item = {};
  item.kind = kind;
  item.name = name;
  item.type = type;
  item.nullable = nullable;
  item.operators = DefaultOrder(type, name);
  return item;
}

const DefinitionColumn *FindIn(const DefinitionColumn *columns, int count, const std::string &name) {
  for (int i = 0; i < count; ++i) {
    if (name == NameStr(columns[i].name)) return &columns[i];
  }
  return nullptr;
}

const DefinitionColumn *FindColumn(const SearchDefinition &definition, const std::string &name) {
  const ItemDefinition &item = definition.item;
  const DefinitionColumn *column = FindIn(item.fields, item.field_count, name);
  if (column == nullptr) column = FindIn(definition.facets, definition.facet_count, name);
  if (column == nullptr) column = FindIn(item.keys, item.key_count, name);
  return column;
}

/// Of prices that are all in one currency, which is the question's: the column as it is.
SortItem PriceItem(const Question &question, const SearchDefinition &definition) {
  const bool as_it_is = definition.currency != nullptr &&
                        (!question.currency || pg_strcasecmp(question.currency->c_str(), definition.currency) == 0);
  SortItem item = ComputedItem(SortItem::Kind::kPrice, "price", NUMERICOID,
                               !as_it_is || !FactsOf(definition, *definition.price).not_null);
  if (as_it_is) item.column = definition.price->attnum;
  return item;
}

SortItem DistanceItem(const Question &question) {
  // Within a distance of something there is no row without a place.
  return ComputedItem(SortItem::Kind::kDistance, "distance", FLOAT8OID, !question.within.has_value());
}

SortItem NamedItem(const std::string &name, const Question &question, const SearchDefinition &definition) {
  if (name == "distance") {
    if (!question.near) {
      throw Error(ERRCODE_INVALID_PARAMETER_VALUE, "an order by distance needs near")
          .Hint("Pass near => ST_Point(longitude, latitude) as well.");
    }
    return DistanceItem(question);
  }
  if (name == "price" && definition.price != nullptr) {
    return PriceItem(question, definition);
  }
  if (name == "changed" && definition.changed != nullptr) return ColumnItem(definition, *definition.changed);
  const DefinitionColumn *const column = FindColumn(definition, name);
  if (column == nullptr) {
    throw Error(ERRCODE_UNDEFINED_COLUMN, "order_by: item type \"" + std::string(NameStr(definition.item.type)) +
                                              "\" has no field, facet or key column \"" + name + "\"")
        .Hint("Besides these one can order by relevance, distance, price, changed and key.");
  }
  return ColumnItem(definition, *column);
}

void AppendKey(Order &order, const SearchDefinition &definition, bool descending) {
  for (int i = 0; i < definition.item.key_count; ++i) {
    SortItem item = ColumnItem(definition, definition.item.keys[i]);
    item.nullable = false;
    item.descending = descending;
    order.items.push_back(std::move(item));
  }
}

/// `expression OPERATOR(...) value`
std::string Compare(const std::string &expression, Oid oper, const std::string &value) {
  return expression + " " + OperatorText(oper) + " " + value;
}

/// Whether a comparison of rows says what is behind: one direction, no null, operators that a row comparison finds.
bool IsRowComparable(const Order &order, const std::vector<BoundValue> &values) {
  const std::vector<SortItem> &items = order.items;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const bool nulls_matter = items[i].CanBeNull() && (i > 0 || items[i].nulls_first);
    if (items[i].descending != items[0].descending || nulls_matter || values[i].is_null) return false;
    // ROW(...) > ROW(...) is looked up by the operator's name; those of pg_catalog are found under every search_path.
    constexpr Oid kFirstOutsideCatalog = FirstNormalObjectId;
    if (items[i].operators.less >= kFirstOutsideCatalog) return false;
  }
  return true;
}

std::string RowComparison(const Order &order, const std::vector<std::string> &expressions,
                          const std::vector<std::string> &values) {
  std::string left = "ROW(";
  std::string right = "ROW(";
  for (std::size_t i = 0; i < expressions.size(); ++i) {
    left += (i > 0 ? ", " : "") + expressions[i];
    right += (i > 0 ? ", " : "") + values[i];
  }
  const bool descending = order.items[0].descending;
  // Rows without a place are behind all others. To see which ones these are, no distance is computed a second time.
  if (order.items[0].CanBeNull() && order.items[0].kind == SortItem::Kind::kDistance) {
    return "((" + left + ") " + (descending ? ">=" : "<=") + " " + right + ")) IS NOT TRUE)";
  }
  std::string text = left + ") " + (descending ? "<" : ">") + " " + right + ")";
  if (order.items[0].CanBeNull()) text = "(" + text + " OR " + IsNull(expressions[0]) + ")";
  return text;
}

/// Behind the value in this item alone.
std::string BehindItem(const SortItem &item, const std::string &expression, const std::string &value, bool is_null) {
  if (is_null) return item.nulls_first ? HasValue(expression) : "false";
  std::string text = Compare(expression, item.descending ? item.operators.less : item.operators.greater, value);
  if (item.CanBeNull() && !item.nulls_first) text = "(" + text + " OR " + IsNull(expression) + ")";
  return text;
}

/// An index cannot begin where an OR says. It can at the value of a column itself, which all rows behind have or pass.
std::string BeginningCondition(const SortItem &item, const std::string &expression, const std::string &value,
                               bool is_null) {
  const bool nulls_are_behind = item.CanBeNull() && !item.nulls_first;
  if (item.column == InvalidAttrNumber || is_null || nulls_are_behind) return "";
  const Oid before = item.descending ? item.operators.greater : item.operators.less;
  const Oid not_before = CallPg([&] { return get_negator(before); });
  return OidIsValid(not_before) ? Compare(expression, not_before, value) + " AND " : "";
}

} // namespace

bool Order::Has(SortItem::Kind kind) const {
  return std::any_of(items.begin(), items.end(), [kind](const SortItem &item) { return item.kind == kind; });
}

Order ReadOrder(const std::optional<std::string> &order_by, const Question &question,
                const SearchDefinition &definition) {
  Order order;
  if (!order_by) {
    if (question.compiled) {
      order.items.push_back(ComputedItem(SortItem::Kind::kScore, "relevance", FLOAT4OID, false));
      order.items[0].descending = true;
    } else if (question.near) {
      order.items.push_back(DistanceItem(question));
    }
    AppendKey(order, definition, false);
    return order;
  }
  const OrderWords words = ParseOrderWords(*order_by);
  if (!words.problem.empty()) {
    throw Error(ERRCODE_INVALID_PARAMETER_VALUE, "order_by: " + words.problem)
        .Hint(
            "Write names with .asc or .desc, and .nullsfirst or .nullslast, separated by commas: price.desc, changed");
  }
  for (const OrderWord &word : words.items) {
    if (word.name == "key") {
      AppendKey(order, definition, word.descending.value_or(false));
      return order; // no two rows have the same
    }
    if (word.name == "relevance") {
      // Without words all rows are equally relevant.
      if (!question.compiled) continue;
      order.items.push_back(ComputedItem(SortItem::Kind::kScore, "relevance", FLOAT4OID, false));
      order.items.back().descending = word.descending.value_or(true);
      continue;
    }
    SortItem item = NamedItem(word.name, question, definition);
    item.descending = word.descending.value_or(false);
    item.nulls_first = item.nullable && word.nulls_first.value_or(false);
    order.items.push_back(std::move(item));
  }
  AppendKey(order, definition, false);
  return order;
}

std::string OrderText(const Order &order, const std::vector<std::string> &expressions) {
  std::string text;
  for (std::size_t i = 0; i < order.items.size(); ++i) {
    const SortItem &item = order.items[i];
    if (i > 0) text += ", ";
    text += expressions[i];
    if (item.descending) text += " DESC";
    if (item.nullable && item.nulls_first != item.descending) text += item.nulls_first ? " NULLS FIRST" : " NULLS LAST";
  }
  return text;
}

std::string IsNull(const std::string &expression) { return expression + " IS NOT DISTINCT FROM NULL"; }

std::string HasValue(const std::string &expression) { return expression + " IS DISTINCT FROM NULL"; }

std::string BehindCondition(Statement &statement, const Order &order, const std::vector<std::string> &expressions,
                            const std::vector<BoundValue> &values) {
  const std::vector<SortItem> &items = order.items;
  std::vector<std::string> places;
  places.reserve(items.size());
  for (std::size_t i = 0; i < items.size(); ++i)
    places.push_back(statement.Bind(items[i].type, values[i].value, values[i].is_null));
  if (IsRowComparable(order, values)) return RowComparison(order, expressions, places);
  // From the last item to the first: behind in this one, or equal in it and behind in those after it.
  std::string text = BehindItem(items.back(), expressions.back(), places.back(), values.back().is_null);
  for (std::size_t i = items.size() - 1; i-- > 0;) {
    const std::string behind = BehindItem(items[i], expressions[i], places[i], values[i].is_null);
    const std::string equal =
        values[i].is_null ? IsNull(expressions[i]) : Compare(expressions[i], items[i].operators.equal, places[i]);
    text.insert(0, " AND ").insert(0, equal).insert(0, " OR (").insert(0, behind).insert(0, "(").append("))");
  }
  return BeginningCondition(items.front(), expressions.front(), places.front(), values.front().is_null) + text;
}

} // namespace itemize
