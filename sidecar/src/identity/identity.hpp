// Who a request comes from, as a verified token says.
#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace itemize::sidecar::identity {

struct Identity {
  /// The claim `sub`; empty when the token names nobody.
  std::string subject;
  /// Of the role claim.
  std::vector<std::string> roles;
  /// All claims as JSON, the roles under `role`: what the database will get as request.jwt.claims.
  std::string claims;
  /// From this moment on it counts no more: `exp`, and the clock skew that is allowed for.
  std::chrono::system_clock::time_point expires;

  [[nodiscard]] bool HasRole(std::string_view role) const {
    return std::find(roles.begin(), roles.end(), role) != roles.end();
  }
};

/// Null: nobody in particular.
using Caller = std::shared_ptr<const Identity>;

} // namespace itemize::sidecar::identity
