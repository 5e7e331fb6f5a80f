// Base64url without padding (RFC 7515 section 2), decoded strictly: one text for each sequence of bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace itemize::sidecar::identity {

/// Nothing for a character outside of the alphabet, padding, a length that no bytes have, and for set bits that would
/// be thrown away: with those a token could be changed and still be taken.
[[nodiscard]] std::optional<std::string> DecodeBase64Url(std::string_view text);

} // namespace itemize::sidecar::identity
