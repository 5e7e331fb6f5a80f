// Members of compact JSON, such as the change stream carries, found without parsing their values.
#pragma once

#include <optional>
#include <string_view>

namespace itemize::sidecar::json {

/// The place behind the string that begins at `at` with its quote; npos when it does not end.
[[nodiscard]] inline std::size_t EndOfString(std::string_view json, std::size_t at) {
  for (++at; at < json.size(); ++at) {
    if (json[at] == '\\') {
      ++at;
    } else if (json[at] == '"') {
      return at + 1;
    }
  }
  return std::string_view::npos;
}

/// The place of the comma or the brace behind the value that begins at `at`; npos when there is none.
[[nodiscard]] inline std::size_t EndOfValue(std::string_view json, std::size_t at) {
  int depth = 0;
  while (at < json.size()) {
    const char c = json[at];
    if (c == '"') {
      at = EndOfString(json, at);
      if (at == std::string_view::npos) return at;
      continue;
    }
    if (depth == 0 && (c == ',' || c == '}')) return at;
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    ++at;
  }
  return std::string_view::npos;
}

/// Calls `take(name, value)` with each member of an object, the name as it is written, without its quotes, until it
/// says false. False when it is no object.
template <typename Take>
bool ForEachMember(std::string_view object, Take take) {
  if (object == "{}") return true;
  if (object.empty() || object[0] != '{') return false;
  std::size_t at = 1;
  while (at < object.size() && object[at] == '"') {
    const std::size_t colon = EndOfString(object, at);
    if (colon == std::string_view::npos || colon >= object.size() || object[colon] != ':') return false;
    const std::size_t end = EndOfValue(object, colon + 1);
    if (end == std::string_view::npos) return false;
    if (!take(object.substr(at + 1, colon - at - 2), object.substr(colon + 1, end - colon - 1))) return true;
    if (object[end] != ',') return end + 1 == object.size();
    at = end + 1;
  }
  return false;
}

} // namespace itemize::sidecar::json
