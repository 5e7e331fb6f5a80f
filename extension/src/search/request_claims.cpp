#include "search/request_claims.hpp"

#include "itemize/read_rule.hpp"
#include "search/filters_json.hpp"

#include <algorithm>
#include <optional>

namespace itemize {

namespace {

using Kind = JsonValue::Kind;

constexpr char kTooManyClaimsHint[] =
    "Of claims only \"sub\" and \"role\" are looked at: set request.jwt.claims without the rest.";

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

JsonValue ReadClaims(std::string_view claims) { return ReadJson(claims, "request.jwt.claims", kTooManyClaimsHint); }

/// Empty when there is none.
std::string SubjectOf(const JsonValue &claims) {
  const JsonValue *const subject = FindClaim(claims, "sub");
  return subject != nullptr && subject->kind == Kind::kString ? subject->text : std::string();
}

} // namespace

std::string ClaimedSubject(std::string_view claims) { return SubjectOf(ReadClaims(claims)); }

bool ClaimsMayRead(std::string_view rule, std::string_view claims) {
  std::optional<JsonValue> object;
  const auto claims_object = [&]() -> const JsonValue & {
    if (!object) object = ReadClaims(claims);
    return *object;
  };
  return RuleAdmits(
      rule, [&] { return !SubjectOf(claims_object()).empty(); },
      [&](std::string_view name) {
        const JsonValue *const role = FindClaim(claims_object(), "role");
        return role != nullptr && HasRole(*role, name);
      });
}

} // namespace itemize
