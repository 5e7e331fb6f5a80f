// Which facets a call asks for: from JSON to a list. Plain C++: which columns there are is known to facets.cpp.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace itemize {

/// Limits, stated in docs/reference/search-filters.md.
inline constexpr int kMaxFacets = 20;
inline constexpr int kMaxFacetBounds = 100;
inline constexpr int kMaxFacetBuckets = 100;

/// How the values of one column are grouped.
struct FacetRequest {
  enum class Kind {
    kValues,   ///< each value by itself
    kRanges,   ///< by `bounds`
    kWidth,    ///< numbers, in intervals of `interval`
    kBuckets,  ///< numbers, in about `buckets` intervals of a round width
    kCalendar, ///< dates, by the `interval` of the calendar in `time_zone`
  };

  std::string column;
  Kind kind = Kind::kValues;
  std::vector<std::string> bounds; ///< as the input function of the column reads them
  std::string interval;            ///< a number, or day, week, month, quarter or year
  std::string time_zone = "UTC";
  bool has_time_zone = false;
  int buckets = 0;
};

/// Of `["a", "b"]` or `{"a": {}, "b": {"interval": 10}}`, in that order. Raises 22023 for what is none, naming the
/// facet, and 54000 for what is beyond the limits.
std::vector<FacetRequest> ParseFacets(std::string_view json);

} // namespace itemize
