#include "identity/verifier.hpp"

#include "base/errors.hpp"
#include "base/sha256.hpp"
#include "identity/strict_json.hpp"
#include "itemize/base64url.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

namespace itemize::sidecar::identity {

namespace {

using nlohmann::json;
using Kind = Verdict::Kind;
using SystemClock = std::chrono::system_clock;

/// The year 2255. Later moments count as this one: the clock's nanoseconds end in 2262.
constexpr double kLastSecond = 9.0e9;
constexpr std::size_t kMostRoles = 100;

Verdict Refuse(Kind kind, const char *reason) { return {kind, nullptr, reason}; }

/// The three parts of a compact serialization, still encoded; no more and no fewer.
struct Parts {
  std::string_view header;
  std::string_view payload;
  std::string_view signature;
  /// What is signed.
  std::string_view input;
};

std::optional<Parts> Split(std::string_view token) {
  const std::size_t first = token.find('.');
  const std::size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) return std::nullopt;
  return Parts{token.substr(0, first), token.substr(first + 1, second - first - 1), token.substr(second + 1),
               token.substr(0, second)};
}

struct Header {
  Algorithm algorithm;
  /// Absent and empty are the same: no key is meant.
  std::string key;
};

/// A header that asks for nothing we do not do.
std::optional<Header> ParseHeader(std::string_view encoded) {
  const auto bytes = DecodeBase64Url(encoded);
  const auto object = bytes ? ParseStrictObject(*bytes) : std::nullopt;
  if (!object) return std::nullopt;
  // Extensions that must be understood, and an unencoded payload (RFC 7797): none is.
  if (object->contains("crit") || object->contains("b64")) return std::nullopt;
  const auto name = object->find("alg");
  const auto algorithm =
      name != object->end() && name->is_string() ? ParseAlgorithm(name->get_ref<const std::string &>()) : std::nullopt;
  if (!algorithm) return std::nullopt;
  Header header{*algorithm, {}};
  if (const auto key = object->find("kid"); key != object->end()) {
    if (!key->is_string()) return std::nullopt;
    header.key = key->get<std::string>();
  }
  return header;
}

std::optional<SystemClock::time_point> TimeOf(const json &claim) {
  if (!claim.is_number()) return std::nullopt;
  const double seconds = claim.get<double>();
  if (!std::isfinite(seconds) || seconds < 0) return std::nullopt;
  const std::chrono::duration<double> since_epoch(std::min(seconds, kLastSecond));
  return SystemClock::time_point(std::chrono::duration_cast<SystemClock::duration>(since_epoch));
}

bool HasAudience(const json &claim, const std::string &audience) {
  if (claim.is_string()) return claim == audience;
  return claim.is_array() && std::find(claim.begin(), claim.end(), audience) != claim.end();
}

/// Texts of SQL have no NUL, and an empty one is nobody's name.
bool IsName(const json &claim) {
  return claim.is_string() && !claim.get_ref<const std::string &>().empty() &&
         claim.get_ref<const std::string &>().find('\0') == std::string::npos;
}

/// The roles, or nothing when the claim is neither a name nor a list of names.
std::optional<std::vector<std::string>> RolesOf(const json &claim) {
  if (claim.is_null()) return std::vector<std::string>();
  const json list = claim.is_array() ? claim : json::array({claim});
  if (list.size() > kMostRoles || !std::all_of(list.begin(), list.end(), IsName)) return std::nullopt;
  return list.get<std::vector<std::string>>();
}

/// Null when there is none.
json RoleClaim(const json &claims, const std::string &where) {
  if (where.front() != '/') return claims.value(where, json());
  const json::json_pointer pointer(where);
  return claims.contains(pointer) ? claims.at(pointer) : json();
}

} // namespace

Verifier::Verifier(VerifierOptions options) : options_(std::move(options)) {
  const std::string &where = options_.role_claim;
  try {
    if (where.empty()) throw ConfigError("--jwt-role-claim must not be empty");
    if (where.front() == '/') (void)json::json_pointer(where);
  } catch (const json::exception &) {
    throw ConfigError("--jwt-role-claim: \"" + where + "\" is neither the name of a claim nor a JSON pointer");
  }
}

Verdict Verifier::Verify(std::string_view token, const KeySet &keys, SystemClock::time_point now) const {
  if (token.size() > kMostTokenBytes) return Refuse(Kind::kMalformed, "the token is too long");
  const auto parts = Split(token);
  if (!parts) return Refuse(Kind::kMalformed, "this is no signed token");
  const auto header = ParseHeader(parts->header);
  if (!header)
    return Refuse(Kind::kMalformed, "the header of the token is malformed, or asks for what is not done here");
  const auto signature = DecodeBase64Url(parts->signature);
  const auto payload = DecodeBase64Url(parts->payload);
  if (!signature || !payload) return Refuse(Kind::kMalformed, "the token is not base64url");
  bool known = false;
  for (const Key &key : keys) {
    if (key.algorithm() != header->algorithm) continue;
    if (!key.id().empty() && !header->key.empty() && key.id() != header->key) continue;
    known = true;
    if (key.Verifies(parts->input, *signature)) return CheckClaims(*payload, now);
  }
  if (!known) return Refuse(Kind::kUnknownKey, "the token is signed with a key that is not known here");
  return Refuse(Kind::kSignature, "the signature of the token is wrong");
}

Verdict Verifier::CheckClaims(std::string_view payload, SystemClock::time_point now) const {
  auto claims = ParseStrictObject(payload);
  if (!claims) return Refuse(Kind::kMalformed, "the claims of the token are malformed");
  const auto expiry = claims->find("exp");
  const auto expires = expiry == claims->end() ? std::nullopt : TimeOf(*expiry);
  if (!expires) return Refuse(Kind::kClaims, "the token has no time of expiry");
  if (now >= *expires + options_.clock_skew) return Refuse(Kind::kTime, "the token has expired");
  if (const auto begin = claims->find("nbf"); begin != claims->end()) {
    const auto valid_from = TimeOf(*begin);
    if (!valid_from) return Refuse(Kind::kClaims, "the token has an nbf that is no time");
    if (now + options_.clock_skew < *valid_from) return Refuse(Kind::kTime, "the token is not valid yet");
  }
  const auto audience = claims->find("aud");
  if (options_.audience.empty() ? audience != claims->end()
                                : audience == claims->end() || !HasAudience(*audience, options_.audience)) {
    return Refuse(Kind::kClaims, "the token is meant for another audience");
  }
  if (!options_.issuer.empty() && claims->value("iss", json()) != options_.issuer) {
    return Refuse(Kind::kClaims, "the token is of another issuer");
  }
  auto found = std::make_shared<Identity>();
  if (const auto subject = claims->find("sub"); subject != claims->end()) {
    if (!IsName(*subject)) return Refuse(Kind::kClaims, "the subject of the token is no name");
    found->subject = subject->get<std::string>();
    found->subject_hash = Sha256Hex(found->subject);
  }
  const json role = RoleClaim(*claims, options_.role_claim);
  auto roles = RolesOf(role);
  if (!roles) return Refuse(Kind::kClaims, "the role of the token is neither a name nor a list of names");
  found->roles = std::move(*roles);
  // Whoever reads them knows one place for the role; another claim of that name must not pass for it.
  claims->erase("role");
  if (!role.is_null()) (*claims)["role"] = role;
  found->claims = claims->dump();
  found->expires = *expires + options_.clock_skew;
  return {Kind::kAccepted, std::move(found), ""};
}

} // namespace itemize::sidecar::identity
