// Lists in query parameters: `key=in.(k1,k2,"a,b")` and `items=type/key,type/*,"type/a,b"`.
#pragma once

#include "http/problem.hpp"
#include "live/subscription_index.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace itemize::sidecar::http {

/// Most keys in one `in.(…)`.
inline constexpr std::size_t kMaxKeysPerRequest = 1000;
/// Most entries in one `items=`, and in one `topics=`.
inline constexpr std::size_t kMaxItemsPerSubscription = 5000;

/// Elements separated by commas; an element in double quotes may hold commas. Nothing when a quote is
/// not closed, an element is empty without being quoted, or there is none.
[[nodiscard]] std::optional<std::vector<std::string>> SplitList(std::string_view list);

/// The keys of `in.(…)` in canonical form, in the order given, each once.
[[nodiscard]] std::variant<std::vector<std::string>, Problem> ParseKeyList(std::string_view text);

/// The items of `items=type/key,type/*`.
[[nodiscard]] std::variant<std::vector<live::Interest>, Problem> ParseLiveItems(std::string_view text);
/// The same of the list's elements.
[[nodiscard]] std::variant<std::vector<live::Interest>, Problem>
ParseLiveItems(const std::vector<std::string> &elements);

/// The topics of `topics=a,b`.
[[nodiscard]] std::variant<std::vector<live::Interest>, Problem> ParseLiveTopics(std::string_view text);

} // namespace itemize::sidecar::http
