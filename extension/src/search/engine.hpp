// What search asks of whatever finds and ranks rows: match, top K, count, facet counts.
//
// One engine today: PostgreSQL's own GIN and GiST. Another changes no function and no result set, only order and speed:
// which rows a question finds is the same for all engines, and a score is theirs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "search/order.hpp"
#include "search/question.hpp"
#include "search/scope.hpp"
#include "search/statement.hpp"

#include "boundary/prelude.hpp"

namespace itemize {

/// Rows without a value of the first sort item may be found apart from the others, behind or before which they come:
/// where the others are found in order faster by themselves, and so that they are not sorted.
enum class Part : uint8 { kWhole, kValued, kValueless };

/// What is wanted of the best rows. Expressions are over the table.
struct TopK {
  Matching matching;
  const Order *order;
  const std::vector<BoundValue> *after; ///< one a sort item: only rows behind these; null: from the beginning
  std::vector<std::string> extras;      ///< cheap ones besides the sort items
  std::vector<std::string> wide;        ///< columns of any width, made for the best rows alone
  int64 max_rows;
  Part part; ///< of the rows; see FindsValuedApart
};

class Engine {
public:
  Engine() = default;
  Engine(const Engine &) = delete;
  Engine &operator=(const Engine &) = delete;
  virtual ~Engine() = default;

  /// Which rows the words find: a condition over the table.
  virtual std::string MatchCondition(Statement &statement, const SearchDefinition &definition,
                                     const CompiledQuery &query, Matching matching) const = 0;

  /// What of all documents a score depends on, the same for each page of a question: part of its cursors. Null:
  /// nothing. `all_rows`: whether who asks may know it.
  virtual bytea *ScoreParameters(const SearchDefinition &definition, const CompiledQuery &query,
                                 bool all_rows) const = 0;

  /// The score of a row that matches, a real; greater is better.
  virtual std::string ScoreExpression(Statement &statement, const SearchDefinition &definition,
                                      const CompiledQuery &query, bytea *parameters) const = 0;

  /// Whether the rows that have a value of the first sort item can be found in its order much faster than all rows, for
  /// the first page or a later one; then `order` becomes that of these. Who asked asks for the others as well, where
  /// they are on the page.
  virtual bool FindsValuedApart(const Question &question, const SearchDefinition &definition, bool first_page,
                                Order &order) const = 0;

  /// SELECT of the best rows in order: one column a sort item, then the extras, then the wide ones.
  virtual void AppendTopK(Statement &statement, const Question &question, const SearchDefinition &definition,
                          const TopK &top) const = 0;

  /// SELECT of one bigint: how many rows there are, or, of more than `limit`, limit.
  virtual void AppendCount(Statement &statement, const Question &question, const SearchDefinition &definition,
                           Matching matching, std::optional<int64> limit) const = 0;

  /// SELECT of `columns` (expressions over the table) for every row; what facets group and count.
  virtual void AppendColumns(Statement &statement, const Question &question, const SearchDefinition &definition,
                             Matching matching, const std::vector<std::string> &columns) const = 0;
};

const Engine &EngineOf(const SearchDefinition &definition);

} // namespace itemize
