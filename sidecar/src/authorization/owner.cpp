#include "authorization/owner.hpp"

#include "itemize/read_rule.hpp"

#include <nlohmann/json.hpp>

namespace itemize::sidecar::authorization {

namespace {

/// The place behind the string that begins at `at` with its quote; npos when it does not end.
std::size_t EndOfString(std::string_view json, std::size_t at) {
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
std::size_t EndOfValue(std::string_view json, std::size_t at) {
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

/// The value of a member of an object in compact JSON. The name is a plain one: nothing in it is escaped in JSON.
std::optional<std::string_view> FindMember(std::string_view row, std::string_view name) {
  if (row.empty() || row[0] != '{') return std::nullopt;
  std::size_t at = 1;
  while (at < row.size() && row[at] == '"') {
    const std::size_t colon = EndOfString(row, at);
    if (colon == std::string_view::npos || colon >= row.size() || row[colon] != ':') return std::nullopt;
    const std::size_t end = EndOfValue(row, colon + 1);
    if (end == std::string_view::npos) return std::nullopt;
    if (row.substr(at + 1, colon - at - 2) == name) return row.substr(colon + 1, end - colon - 1);
    if (row[end] != ',') return std::nullopt;
    at = end + 1;
  }
  return std::nullopt;
}

} // namespace

std::optional<std::string> OwnerOf(std::string_view rule, std::string_view row) {
  if (!IsRuleOfOwners(rule)) return std::nullopt;
  if (OwnerFieldOf(rule).empty()) return std::string();
  const auto value = FindMember(row, OwnerFieldOf(rule));
  if (!value) return std::nullopt;
  if (value->empty()) return std::string();
  const char first = value->front();
  if (first == '-' || (first >= '0' && first <= '9')) return std::string(*value);
  const auto parsed = nlohmann::json::parse(*value, nullptr, false);
  return parsed.is_string() ? parsed.get<std::string>() : std::string();
}

} // namespace itemize::sidecar::authorization
