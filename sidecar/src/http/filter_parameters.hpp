// Filters in a query, in PostgREST's words, as the jsonb that the search functions take:
// `beds=gte.2`, `room_type=in.(a,"b,c")`, `tags=cs.{a,b}`, `x=is.null`, `x=not.eq.1`, `or=(beds.gte.2,kind.eq.loft)`,
// `and=(beds.gte.2,not.or(kind.eq.loft,kind.eq.boat))`.
#pragma once

#include "http/problem.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace itemize::sidecar::http {

/// Conditions in one search, those of lists not counted one by one.
inline constexpr std::size_t kMaxFilters = 50;
/// Elements of one `in.(…)`, `cs.{…}` and the like.
inline constexpr std::size_t kMaxFilterElements = 200;
/// `or` and `and` in each other.
inline constexpr int kMaxFilterDepth = 6;

/// Splits at commas that stand in no quotes, parentheses or braces. Nothing when one of those is not closed.
[[nodiscard]] std::optional<std::vector<std::string>> SplitOutside(std::string_view list);

/// Gathers the filters of one request. All must hold.
class FilterParameters {
public:
  /// Whether `value` begins like a filter: with an operator and a dot.
  [[nodiscard]] static bool LooksLikeFilter(std::string_view value);

  /// Whether the parameter is a list of conditions: `or`, of which one must hold, or `and`.
  [[nodiscard]] static bool JoinsFilters(std::string_view name);

  /// Of the parameter `name`.
  [[nodiscard]] std::optional<Problem> Add(const std::string &name, const std::string &value);

  /// As jsonb; nothing when there was none.
  [[nodiscard]] std::optional<std::string> Json() const;

private:
  struct Condition {
    std::string field;
    std::string op;
    std::string json;
  };

  struct Group {
    std::string name;
    std::string json;
  };

  std::optional<Problem> AddGroup(const std::string &name, const std::string &value);

  std::vector<Condition> conditions_;
  std::vector<Group> groups_;
};

} // namespace itemize::sidecar::http
