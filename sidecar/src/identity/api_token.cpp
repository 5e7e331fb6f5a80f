#include "identity/api_token.hpp"

#include "base/sha256.hpp"
#include "identity/strict_json.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>

namespace itemize::sidecar::identity {

namespace {

using nlohmann::json;

constexpr std::string_view kPrefix = "itz_";
constexpr std::size_t kDigits = 64;
/// Enough to tell tokens apart in itemize.tokens.
constexpr std::size_t kIdDigits = 16;

constexpr std::array<std::pair<const char *, Scope>, 4> kScopes{
    {{"read", Scope::kRead}, {"search", Scope::kSearch}, {"live", Scope::kLive}, {"write", Scope::kWrite}}};

bool IsListOfTexts(const json &list) {
  return list.is_array() && std::all_of(list.begin(), list.end(), [](const json &text) { return text.is_string(); });
}

/// A scope that is not known here gives nothing.
std::uint8_t ScopesOf(const json &names) {
  std::uint8_t scopes = 0;
  for (const json &name : names) {
    for (const auto &[known, scope] : kScopes) {
      if (name == known) scopes |= static_cast<std::uint8_t>(scope);
    }
  }
  return scopes;
}

/// Nothing for null as well: no limit.
std::optional<Rate> RateOf(const json &row) {
  const json rate = row.value("rate", json());
  const json burst = row.value("burst", json());
  if (!rate.is_number()) return std::nullopt;
  const auto per_second = rate.get<double>();
  return Rate{per_second, burst.is_number() ? burst.get<double>() : std::max(1.0, per_second)};
}

/// As request.jwt.claims.
std::string ClaimsOf(const Identity &identity, const json &row) {
  json claims{
      {"sub", identity.subject}, {"scopes", row.at("scopes")}, {"token_id", identity.token_hash.substr(0, kIdDigits)}};
  if (identity.roles.size() == 1) claims["role"] = identity.roles.front();
  if (identity.roles.size() > 1) claims["role"] = identity.roles;
  return claims.dump();
}

} // namespace

bool IsApiToken(std::string_view token) { return token.substr(0, kPrefix.size()) == kPrefix; }

std::optional<std::string> ApiTokenHash(std::string_view token) {
  if (!IsApiToken(token) || token.size() != kPrefix.size() + kDigits ||
      token.find_first_not_of("0123456789abcdef", kPrefix.size()) != std::string_view::npos) {
    return std::nullopt;
  }
  return Sha256Hex(token);
}

Caller ApiTokenIdentity(const std::string &hash, std::string_view row) {
  const auto parsed = ParseStrictObject(row);
  if (!parsed) return nullptr;
  const json subject = parsed->value("subject", json());
  const json roles = parsed->value("roles", json());
  const json scopes = parsed->value("scopes", json());
  const json expires = parsed->value("expires", json());
  const bool ends = expires.is_number_integer();
  if (!subject.is_string() || subject.get_ref<const std::string &>().empty() || !IsListOfTexts(roles) ||
      !IsListOfTexts(scopes) || (!ends && !expires.is_null())) {
    return nullptr;
  }
  auto identity = std::make_shared<Identity>();
  identity->subject = subject.get<std::string>();
  identity->subject_hash = Sha256Hex(identity->subject);
  identity->token_hash = hash;
  identity->roles = roles.get<std::vector<std::string>>();
  identity->scopes = ScopesOf(scopes);
  identity->rate = RateOf(*parsed);
  identity->claims = ClaimsOf(*identity, *parsed);
  using Time = std::chrono::system_clock::time_point;
  const std::chrono::seconds longest = std::chrono::duration_cast<std::chrono::seconds>(Time::max().time_since_epoch());
  const std::int64_t last = longest.count() - 1;
  identity->expires =
      ends ? Time(std::chrono::seconds(std::clamp<std::int64_t>(expires.get<std::int64_t>(), 0, last))) : Time::max();
  return identity;
}

} // namespace itemize::sidecar::identity
