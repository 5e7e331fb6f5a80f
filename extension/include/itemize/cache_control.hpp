// How long answers with items of a type may be kept, by the `cache_control` of its definition: directives of RFC 9111
// section 5.2.2, and of RFC 5861 and RFC 8246. Plain C++17.
#pragma once

#include <array>
#include <string_view>

namespace itemize {

inline constexpr std::size_t kMaxCacheControlBytes = 200;

/// Stands between the rule who may read and the directives, which have no spaces there, where both are carried.
inline constexpr char kCacheControlMark = ';';

inline constexpr std::array<std::string_view, 9> kBareDirectives{{"public", "private", "no-cache", "no-store",
                                                                  "no-transform", "must-revalidate", "proxy-revalidate",
                                                                  "must-understand", "immutable"}};
/// With a number of seconds each.
inline constexpr std::array<std::string_view, 4> kTimedDirectives{
    {"max-age", "s-maxage", "stale-while-revalidate", "stale-if-error"}};

/// The rule alone, of what the change stream and the clusters carry.
inline std::string_view RuleOf(std::string_view carried) { return carried.substr(0, carried.find(kCacheControlMark)); }

/// The directives that it carries; empty: none.
inline std::string_view DirectivesOf(std::string_view carried) {
  const std::size_t mark = carried.find(kCacheControlMark);
  return mark == std::string_view::npos ? std::string_view() : carried.substr(mark + 1);
}

/// Takes the next directive off the front of a list, without the blanks around it.
inline std::string_view TakeDirective(std::string_view &list) {
  const std::size_t comma = list.find(',');
  std::string_view directive = list.substr(0, comma);
  list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  while (!directive.empty() && (directive.front() == ' ' || directive.front() == '\t'))
    directive.remove_prefix(1);
  while (!directive.empty() && (directive.back() == ' ' || directive.back() == '\t'))
    directive.remove_suffix(1);
  return directive;
}

/// The name of a directive, without its value.
inline std::string_view NameOfDirective(std::string_view directive) { return directive.substr(0, directive.find('=')); }

/// Whether one of a list has that name.
inline bool HasDirective(std::string_view list, std::string_view name) {
  while (!list.empty()) {
    if (NameOfDirective(TakeDirective(list)) == name) return true;
  }
  return false;
}

} // namespace itemize
