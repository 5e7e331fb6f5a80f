// The words of order_by. Plain C++, tested without a server.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace itemize {

/// Most sort items of a search; stated in docs/reference/search.md.
inline constexpr std::size_t kMaxSortItems = 8;

struct OrderWord {
  std::string name;
  std::optional<bool> descending;
  std::optional<bool> nulls_first;
};

struct OrderWords {
  std::vector<OrderWord> items;
  std::string problem; ///< what is wrong with the text; empty: nothing
};

/// Of `name[.asc|.desc][.nullsfirst|.nullslast], ...`; a name with other signs than letters, digits and underscores
/// stands in double quotes, a quote within it doubled.
OrderWords ParseOrderWords(std::string_view text);

} // namespace itemize
