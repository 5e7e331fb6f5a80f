// Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): a request that is sent again is made once.
#pragma once

#include "http/request_framer.hpp"
#include "identity/identity.hpp"
#include "write/ask.hpp"

#include <optional>
#include <variant>

namespace itemize::sidecar::http {

/// Bytes of a key at most.
inline constexpr std::size_t kMostIdempotencyKeyBytes = 255;

/// By what the request is known again: nothing without the field. The key is a String of RFC 8941, `"…"`, or the same
/// without quotes.
[[nodiscard]] std::variant<std::optional<write::Once>, Problem> ParseOnce(const FramedRequest &request,
                                                                          const identity::Caller &caller);

} // namespace itemize::sidecar::http
