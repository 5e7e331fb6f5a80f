// The order of a search's rows: sort items, then the key, so that no two rows are equal in it; and the condition that
// leaves only what comes behind a row, which is what a cursor means (keyset pagination).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "search/question.hpp"
#include "search/statement.hpp"

#include "boundary/prelude.hpp"

namespace itemize {

struct SortItem {
  enum class Kind : uint8 { kScore, kDistance, kPrice, kColumn };
  Kind kind;
  std::string name;       ///< the word of order_by, or the key column
  std::string expression; ///< over the table; set by the search for the first three kinds
  Oid type;
  bool descending;
  bool nulls_first;
  bool nullable;
  bool valued; ///< rows without a value are left out, so `nulls_first` says nothing but which index has the order
  OrderOperators operators;
  AttrNumber column; ///< whose values are compared, as they are or cast; 0: something computed
  /// Whether a row that is ordered may have no value.
  [[nodiscard]] bool CanBeNull() const { return nullable && !valued; }
};

/// All of them, the key's columns last.
struct Order {
  std::vector<SortItem> items;
  [[nodiscard]] bool Has(SortItem::Kind kind) const;
};

/// A value of a sort item, for a cursor.
struct BoundValue {
  Datum value;
  bool is_null;
};

/// Of order_by; without it by score where there is a query, else by distance where there is a place, else by key.
/// Raises 22023 for a text that is none, and 42703 for a name that is no field, facet or key column.
Order ReadOrder(const std::optional<std::string> &order_by, const Question &question,
                const SearchDefinition &definition);

/// `expression DESC NULLS LAST, ...`
std::string OrderText(const Order &order, const std::vector<std::string> &expressions);

// SQL: whether a value is null, and whether it is not. Of a composite value it itself, where IS NULL looks at its
// parts.
std::string IsNull(const std::string &expression);
std::string HasValue(const std::string &expression);

/// True of the rows behind the one with these values; `expressions` has one for each sort item.
std::string BehindCondition(Statement &statement, const Order &order, const std::vector<std::string> &expressions,
                            const std::vector<BoundValue> &values);

} // namespace itemize
