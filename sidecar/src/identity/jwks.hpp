// A JSON Web Key Set (RFC 7517) as a set of keys.
#pragma once

#include "identity/key.hpp"

#include <string_view>

namespace itemize::sidecar::identity {

inline constexpr std::size_t kMostJwksBytes = std::size_t{256} * 1024;
inline constexpr std::size_t kMostKeys = 100;

/// Whether keys of the type `oct` are taken: a document that anybody can fetch holds no secret.
enum class Secrets : std::uint8_t { kTaken, kIgnored };

/// Keys of other kinds, for other uses, and keys that are too weak are left out, as RFC 7517 section 5 wants it:
/// nothing may be left. Throws Error when the text is no key set.
[[nodiscard]] KeySet ParseJwks(std::string_view text, Secrets secrets);

} // namespace itemize::sidecar::identity
