// Signed JSON Web Tokens (RFC 7515, 7519, 8725) become identities, or are refused.
#pragma once

#include "identity/identity.hpp"
#include "identity/key.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace itemize::sidecar::identity {

/// Longer ones are not looked at.
inline constexpr std::size_t kMostTokenBytes = 7168;

struct VerifierOptions {
  /// What `aud` must be or contain. Empty: tokens must have none, as they are for somebody else (RFC 7519
  /// section 4.1.3).
  std::string audience;
  /// What `iss` must be. Empty: anything.
  std::string issuer;
  /// Where the roles are: the name of a claim, or a JSON pointer (RFC 6901), which begins with a slash.
  std::string role_claim = "role";
  /// By how much the clocks of who issues tokens and of this machine may differ.
  std::chrono::seconds clock_skew{30};
};

struct Verdict {
  enum class Kind : std::uint8_t {
    kAccepted,
    kUnknownKey, ///< signed with a key that is not among those given
    kMalformed,  ///< no signed token, or none of ours
    kSignature,
    kTime,   ///< expired, or not valid yet
    kClaims, ///< meant for somebody else, or without what it must have
    kUnknown ///< an API token that there is not, or not any more
  };
  Kind kind = Kind::kMalformed;
  /// Set when accepted.
  Caller caller;
  /// Why not, for the client: a literal, without anything of the token.
  const char *reason = "";
};

class Verifier {
public:
  /// Throws ConfigError when the role claim cannot be looked for.
  explicit Verifier(VerifierOptions options);

  [[nodiscard]] Verdict Verify(std::string_view token, const KeySet &keys,
                               std::chrono::system_clock::time_point now) const;

private:
  [[nodiscard]] Verdict CheckClaims(std::string_view payload, std::chrono::system_clock::time_point now) const;

  VerifierOptions options_;
};

} // namespace itemize::sidecar::identity
