// Who a request comes from, as a verified token says.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace itemize::sidecar::identity {

/// What an API token may be used for, as bits of Identity::scopes.
enum class Scope : std::uint8_t { kRead = 1, kSearch = 2, kLive = 4, kWrite = 8 };
inline constexpr std::uint8_t kEveryScope = 15;

/// Requests that one may make.
struct Rate {
  double per_second = 0;
  /// At once.
  double burst = 0;
};

struct Identity {
  /// The claim `sub`; empty when the token names nobody.
  std::string subject;
  /// Of the role claim.
  std::vector<std::string> roles;
  /// All claims as JSON, the roles under `role`: what the database will get as request.jwt.claims.
  std::string claims;
  /// From this moment on it counts no more: `exp`, and the clock skew that is allowed for.
  std::chrono::system_clock::time_point expires;
  /// Of the subject, in hexadecimal digits: its name where blocked subjects are looked up. Empty with it.
  std::string subject_hash;
  /// The same of the API token; empty when it was no such token.
  std::string token_hash;
  std::uint8_t scopes = kEveryScope;
  /// Of the API token.
  std::optional<Rate> rate;
  /// What has happened to token and subject since then it does not know of.
  std::chrono::steady_clock::time_point verified = std::chrono::steady_clock::now();

  [[nodiscard]] bool Has(Scope scope) const { return (scopes & static_cast<std::uint8_t>(scope)) != 0; }
  [[nodiscard]] bool HasRole(std::string_view role) const {
    return std::find(roles.begin(), roles.end(), role) != roles.end();
  }
};

/// Null: nobody in particular.
using Caller = std::shared_ptr<const Identity>;

} // namespace itemize::sidecar::identity
