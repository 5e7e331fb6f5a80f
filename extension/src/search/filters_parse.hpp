// The filters of a question: from JSON to a tree of conditions on columns. Plain C++: which columns there are, and what
// their values are, is known to filters.cpp.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace itemize {

/// Limits, stated in docs/reference/search.md.
inline constexpr int kMaxFilterConditions = 100;
inline constexpr int kMaxFilterDepth = 8;
inline constexpr int kMaxInValues = 1000;
inline constexpr int kMaxPatternBytes = 256;

enum class FilterOperator {
  kEq,
  kNeq,
  kGt,
  kGte,
  kLt,
  kLte,
  kIn,
  kIs,
  kLike,
  kIlike,
  kContains,  ///< cs
  kContained, ///< cd
  kOverlaps,  ///< ov
};

/// `eq`, `cs` and so on.
std::string_view OperatorName(FilterOperator oper);

/// What a condition compares with, as the input function of the column reads it.
struct FilterValue {
  enum class Kind { kScalar, kArray, kObject };

  Kind kind = Kind::kScalar;
  std::string text;       ///< of a scalar its content, else JSON
  std::string array_text; ///< of a list: as the input function of an array type reads it
};

/// A condition, or several of them joined.
struct Filter {
  enum class Kind {
    kAll,     ///< all of `parts`; true without any
    kAny,     ///< at least one of `parts`
    kNot,     ///< not the one in `parts`
    kCompare, ///< `field` `oper` `values`
  };

  Kind kind = Kind::kAll;
  std::vector<Filter> parts;
  std::string field;
  FilterOperator oper = FilterOperator::kEq;
  /// Of `in` any number, else one; of `is` one of `null`, `not_null`, `true`, `false`.
  std::vector<FilterValue> values;
};

/// Raises 22023 for what is no filter, naming the field, and 54000 for what is beyond the limits.
Filter ParseFilters(std::string_view json);

} // namespace itemize
