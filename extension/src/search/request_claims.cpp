#include "search/request_claims.hpp"

#include "search/filters_json.hpp"

#include <algorithm>

namespace itemize {

namespace {

using Kind = JsonValue::Kind;

constexpr std::string_view kRoles = "role:";

/// Null when there is none, or more than one: then nobody knows which counts.
const JsonValue *FindClaim(const JsonValue &claims, std::string_view name) {
  const JsonValue *found = nullptr;
  for (const auto &[member, value] : claims.members) {
    if (member != name) continue;
    if (found != nullptr) return nullptr;
    found = &value;
  }
  return found;
}

bool IsText(const JsonValue &value, std::string_view text) { return value.kind == Kind::kString && value.text == text; }

bool HasRole(const JsonValue &claim, std::string_view name) {
  if (claim.kind != Kind::kArray) return IsText(claim, name);
  return std::any_of(claim.items.begin(), claim.items.end(), [&](const JsonValue &one) { return IsText(one, name); });
}

} // namespace

bool ClaimsMayRead(std::string_view rule, std::string_view claims) {
  if (rule == "everyone") return true;
  const bool authenticated = rule == "authenticated";
  if (!authenticated && rule.substr(0, kRoles.size()) != kRoles) return false;
  const JsonValue object = ReadJson(claims, "request.jwt.claims");
  if (authenticated) {
    const JsonValue *const subject = FindClaim(object, "sub");
    return subject != nullptr && subject->kind == Kind::kString && !subject->text.empty();
  }
  const JsonValue *const role = FindClaim(object, "role");
  if (role == nullptr) return false;
  std::string_view names = rule.substr(kRoles.size());
  while (!names.empty()) {
    const std::string_view name = names.substr(0, names.find(','));
    if (!name.empty() && HasRole(*role, name)) return true;
    names.remove_prefix(std::min(name.size() + 1, names.size()));
  }
  return false;
}

} // namespace itemize
