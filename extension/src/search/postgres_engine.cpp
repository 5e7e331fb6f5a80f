// The first engine: PostgreSQL's GIN for words, GiST for places, B-tree for the rest, by plain SQL.
#include "search/engine.hpp"

#include <utility>

#include "boundary/entry.hpp"
#include "search/price.hpp"
#include "search/ranking/statistics.hpp"
#include "search/run.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "catalog/pg_class.h"
#include "utils/numeric.h"
}

namespace itemize {

namespace {

/// What ANALYZE keeps statistics of a document under.
struct DocumentStatistics {
  Oid relation;
  AttrNumber attribute;
};

DocumentStatistics FindDocumentStatistics(const SearchDefinition &definition) {
  const Oid table = definition.item.source;
  if (definition.document_column != nullptr) return {table, get_attnum(table, definition.document_column)};
  return {definition.document_index.index, definition.document_index.attribute};
}

std::string Document(const SearchDefinition &definition) {
  return CallPg([&] { return DocumentExpression(definition, kRowAlias); });
}

bool IsPartitioned(const SearchDefinition &definition) {
  return CallPg([&] { return get_rel_relkind(definition.item.source) == RELKIND_PARTITIONED_TABLE; });
}

bool IsFinite(Datum number) {
  return CallPg([&] { return !numeric_is_nan(DatumGetNumeric(number)) && !numeric_is_inf(DatumGetNumeric(number)); });
}

std::string Name(const char *prefix, std::size_t index) { return prefix + std::to_string(index); }

class PostgresEngine final : public Engine {
public:
  std::string MatchCondition(Statement &statement, const SearchDefinition &definition, const CompiledQuery &query,
                             Matching matching) const override {
    if (query.is_empty) return "false";
    TSQuery const words = matching == Matching::kStrict ? query.strict : query.relaxed;
    return Document(definition) + " @@ " + statement.Bind(TSQUERYOID, TSQueryGetDatum(words));
  }

  bytea *ScoreParameters(const SearchDefinition &definition, const CompiledQuery &query, bool all_rows) const override {
    DocumentStatistics statistics = {InvalidOid, 1};
    if (all_rows) statistics = CallPg([&] { return FindDocumentStatistics(definition); });
    return ranking::RankingParameters(statistics.relation, statistics.attribute, query.ranking);
  }

  std::string ScoreExpression(Statement &statement, const SearchDefinition &definition, const CompiledQuery &query,
                              bytea *parameters) const override {
    return "itemize.rank(" + Document(definition) + ", " + statement.Bind(TSQUERYOID, TSQueryGetDatum(query.ranking)) +
           ", " + statement.Bind(BYTEAOID, PointerGetDatum(parameters), parameters == nullptr) + ")";
  }

  bool FindsValuedApart(const Question &question, const SearchDefinition &definition, bool first_page,
                        Order &order) const override {
    SortItem &first = order.items[0];
    // Words and places mostly leave few rows, which are better found by their own indexes, and once.
    const bool narrow =
        question.compiled || question.within || question.bbox || question.area || question.owner || question.parent;
    if (!first.nullable || narrow) return false;
    if (first.kind == SortItem::Kind::kPrice && definition.currency_column != nullptr) {
      return question.currency && CallPg([&] { return HasIndexFor(definition, SearchPurpose::kPrice); }) &&
             ConvertsDistinctly(question, definition);
    }
    if (first.column == InvalidAttrNumber) return false;
    const IndexOrders indexes = CallPg([&] {
      const bool is_price = first.kind == SortItem::Kind::kPrice;
      return FindIndexOrders(definition.item.source, first.column,
                             is_price ? PriceExpression(definition, nullptr) : nullptr);
    });
    if (!indexes.nulls_last && !indexes.nulls_first) return false;
    // Where an index has all rows in order, only the beginning of a later page is found faster among the valued ones.
    const bool has_all = first.descending == first.nulls_first ? indexes.nulls_last : indexes.nulls_first;
    if (first_page && has_all) return false;
    first.valued = true;
    first.nulls_first = first.descending == indexes.nulls_last;
    return true;
  }

  void AppendTopK(Statement &statement, const Question &question, const SearchDefinition &definition,
                  const TopK &top) const override {
    if (top.wide.empty()) {
      AppendBest(statement, question, definition, top, "");
      return;
    }
    // Columns of any width are not dragged through the sort: the best rows are looked up again by where they lie.
    const bool partitioned = IsPartitioned(definition);
    statement << "SELECT ";
    std::vector<std::string> names;
    for (std::size_t i = 0; i < top.order->items.size(); ++i)
      names.push_back("p." + Name("o", i));
    std::string separator;
    for (const std::string &name : names) {
      statement << separator << name;
      separator = ", ";
    }
    for (const std::string &expression : top.extras)
      statement << ", " << expression;
    for (const std::string &expression : top.wide)
      statement << ", " << expression;
    statement << " FROM (";
    TopK best = top;
    best.extras.clear();
    AppendBest(statement, question, definition, best,
               partitioned ? ", t.ctid AS place, t.tableoid AS part" : ", t.ctid AS place");
    statement << ") AS p JOIN " << TableText(definition) << " AS " << kRowAlias << " ON t.ctid = p.place"
              << (partitioned ? " AND t.tableoid = p.part" : "") << " ORDER BY " << OrderText(*top.order, names);
  }

  void AppendCount(Statement &statement, const Question &question, const SearchDefinition &definition,
                   Matching matching, std::optional<int64> limit) const override {
    statement << (limit ? "SELECT count(*) FROM (SELECT 1" : "SELECT count(*)");
    AppendScope(statement, question, definition, matching);
    if (limit) statement << " LIMIT " << statement.BindInt64(*limit) << ") AS s";
  }

  void AppendColumns(Statement &statement, const Question &question, const SearchDefinition &definition,
                     Matching matching, const std::vector<std::string> &columns) const override {
    statement << "SELECT ";
    std::string separator;
    for (const std::string &column : columns) {
      statement << separator << column;
      separator = ", ";
    }
    AppendScope(statement, question, definition, matching);
  }

private:
  enum class Shape : uint8 {
    kPlain,
    kScoredFirst, ///< a score is made once for each row, also where it is both compared and ordered by
    /// A GiST index gives rows in order of their distance, which the planner takes for an order by that alone
    /// (match_pathkeys_to_index); rows that are equally far are then put in order among themselves.
    kNearestFirst,
    kValueless, ///< rows without a value of the first sort item, which are all equal in it, in the order of the rest
    /// An index on (currency, price) has each currency's rows in order: the best of each, then the best of these.
    kByCurrency,
  };

  static Shape ShapeOf(const TopK &top) {
    const SortItem &first = top.order->items[0];
    if (top.part == Part::kValueless) return Shape::kValueless;
    if (top.part == Part::kValued && !first.valued) return Shape::kByCurrency;
    if (top.after != nullptr && top.order->Has(SortItem::Kind::kScore)) return Shape::kScoredFirst;
    if (first.kind == SortItem::Kind::kDistance && !first.descending && !first.nulls_first) return Shape::kNearestFirst;
    return Shape::kPlain;
  }

  /// The sort items as columns o0, o1, ..., the extras, and `more`, of the best rows in order.
  static void AppendBest(Statement &statement, const Question &question, const SearchDefinition &definition,
                         const TopK &top, const char *more) {
    const std::vector<SortItem> &items = top.order->items;
    std::vector<std::string> expressions;
    std::vector<std::string> names;
    for (std::size_t i = 0; i < items.size(); ++i) {
      expressions.push_back(items[i].expression);
      names.push_back(Name("o", i));
    }
    const Shape shape = ShapeOf(top);
    const bool whole = shape != Shape::kScoredFirst && shape != Shape::kNearestFirst;
    statement << (whole ? "SELECT " : "SELECT * FROM (SELECT ");
    for (std::size_t i = 0; i < items.size(); ++i)
      statement << (i > 0 ? ", " : "") << expressions[i] << " AS " << names[i];
    for (std::size_t i = 0; i < top.extras.size(); ++i)
      statement << ", " << top.extras[i] << " AS " << Name("e", i);
    statement << more;
    std::vector<std::string> further;
    if (shape == Shape::kValueless) {
      AppendValueless(statement, question, definition, top, expressions, names);
      return;
    }
    if (items[0].valued) further.push_back(HasValue(expressions[0]));
    if (top.after != nullptr && shape != Shape::kScoredFirst) {
      further.push_back(BehindCondition(statement, *top.order, expressions, *top.after));
    }
    if (shape == Shape::kByCurrency) {
      AppendByCurrency(statement, question, definition, top, std::move(further));
      statement << " ORDER BY " << OrderText(*top.order, names) << " LIMIT " << statement.BindInt64(top.max_rows);
      return;
    }
    AppendScope(statement, question, definition, top.matching, further);
    // Of all rows an order and a number decide how the best are found. The number is written out to be seen by then. A
    // policy's conditions are planned for who asks now.
    const bool is_first_page = further.empty() && FindsByColumnsAlone(question) && SeesAllRows(definition);
    const bool all_rows = is_first_page && FindsAllRows(question);
    // Of columns people ask for the same values again and again, and finding such rows takes hardly longer than
    // planning.
    if (is_first_page) statement.Plan(all_rows ? Statement::Planning::kOnce : Statement::Planning::kForValues);
    const std::string limit = all_rows ? std::to_string(top.max_rows) : statement.BindInt64(top.max_rows);
    if (shape == Shape::kScoredFirst) {
      statement << " OFFSET 0) AS m WHERE " << BehindCondition(statement, *top.order, names, *top.after);
    } else if (shape == Shape::kNearestFirst) {
      statement << " ORDER BY " << names[0] << " FETCH FIRST " << limit << " ROWS WITH TIES) AS m";
    }
    statement << " ORDER BY " << OrderText(*top.order, names) << " LIMIT " << limit;
  }

  static void AppendValueless(Statement &statement, const Question &question, const SearchDefinition &definition,
                              const TopK &top, std::vector<std::string> expressions, std::vector<std::string> names) {
    Order rest = *top.order;
    std::vector<std::string> further = {IsNull(expressions[0])};
    rest.items.erase(rest.items.begin());
    expressions.erase(expressions.begin());
    names.erase(names.begin());
    // Behind a row that has a value are all of these.
    if (top.after != nullptr && (*top.after)[0].is_null) {
      const std::vector<BoundValue> after(top.after->begin() + 1, top.after->end());
      further.push_back("(" + BehindCondition(statement, rest, expressions, after) + ")");
    }
    AppendScope(statement, question, definition, top.matching, further);
    statement << " ORDER BY " << OrderText(rest, names) << " LIMIT " << statement.BindInt64(top.max_rows);
  }

  /// FROM: the best rows of each currency as `t`, by the price that they are stored with, which within one currency is
  /// the order of the converted one.
  static void AppendByCurrency(Statement &statement, const Question &question, const SearchDefinition &definition,
                               const TopK &top, std::vector<std::string> further) {
    const bool descending = top.order->items[0].descending;
    const auto rates = BindPriceRates(statement, question, definition);
    const std::string price = CallPg([&] { return PriceExpression(definition, kRowAlias); });
    const std::string currency = CallPg([&] { return CurrencyExpression(definition, kRowAlias); });
    statement << " FROM (SELECT r.code, ";
    if (top.after != nullptr && IsFinite((*top.after)[0].value)) {
      // For the index only, and therefore a little wide, by more than a price of twenty decimals is off: the condition
      // on the converted price is exact.
      const std::string value = statement.Bind(NUMERICOID, (*top.after)[0].value);
      const std::string factor = "r.units / " + rates->own_units;
      const std::string bound = "(" + value + " * " + factor + ")";
      statement << bound << (descending ? " + " : " - ") << "(abs(" << bound << ") * 1e-12 + 1e-20 * " << factor << ")";
      further.push_back(price + (descending ? " <= " : " >= ") + "c.bound");
    } else {
      statement << "NULL::numeric";
    }
    statement << " AS bound FROM ROWS FROM (unnest(" << rates->codes << "), unnest(" << rates->units
              << ")) AS r(code, units)) AS c CROSS JOIN LATERAL (SELECT t.*, t.ctid, t.tableoid";
    further.push_back(currency + " = c.code");
    further.push_back(price + " IS NOT NULL");
    AppendScope(statement, question, definition, top.matching, further);
    statement << " ORDER BY " << price << (descending ? " DESC" : "") << " FETCH FIRST "
              << statement.BindInt64(top.max_rows) << " ROWS WITH TIES) AS t";
  }
};

} // namespace

const Engine &EngineOf(const SearchDefinition & /*definition*/) {
  static const PostgresEngine engine;
  return engine;
}

} // namespace itemize
