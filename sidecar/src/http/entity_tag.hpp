// Strong entity tags made of the bytes alone, and conditional requests (RFC 9110 sections 8.8.3, 13.1.2).
#pragma once

#include <string>
#include <string_view>

namespace itemize::sidecar::http {

/// `"<first 128 bits of the SHA-256 in base64url>"`, quotes included. Depends on the bytes alone, so
/// every sidecar of every cluster gives the same.
[[nodiscard]] std::string EntityTag(std::string_view bytes);

/// Whether an If-None-Match field names `tag` (weak comparison) or is `*`. A malformed field matches
/// nothing: the client then gets the whole answer.
[[nodiscard]] bool IfNoneMatchHits(std::string_view field, std::string_view tag);

} // namespace itemize::sidecar::http
