// Strong entity tags made of the bytes alone (RFC 9110 section 8.8.3).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace itemize::sidecar {

/// Of a tag without its quotes.
inline constexpr std::size_t kOpaqueTagBytes = 22;

/// `"<first 128 bits of the SHA-256 in base64url>"`, quotes included. Depends on the bytes alone, so
/// every sidecar of every cluster gives the same.
[[nodiscard]] std::string EntityTag(std::string_view bytes);

} // namespace itemize::sidecar
