#include "authorization/owner.hpp"

#include "base/json_members.hpp"
#include "itemize/read_rule.hpp"

#include <nlohmann/json.hpp>

namespace itemize::sidecar::authorization {

namespace {

/// The value of a member of an object in compact JSON. The name is a plain one: nothing in it is escaped in JSON.
std::optional<std::string_view> FindMember(std::string_view row, std::string_view name) {
  std::optional<std::string_view> found;
  json::ForEachMember(row, [&](std::string_view member, std::string_view value) {
    if (member == name) found = value;
    return !found;
  });
  return found;
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
