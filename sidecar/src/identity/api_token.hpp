// API tokens, made by itemize.create_token: what one looks like, and what its row says.
#pragma once

#include "identity/identity.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace itemize::sidecar::identity {

/// Whether it is meant as one: no signed token begins like this.
[[nodiscard]] bool IsApiToken(std::string_view token);

/// The SHA-256 that it is looked up by, in hexadecimal digits; nothing when no token of ours has this form.
[[nodiscard]] std::optional<std::string> ApiTokenHash(std::string_view token);

/// Whom the row of the token with this hash, the JSON of an item `itemize_token`, stands for. Null: it is none that is
/// understood here.
[[nodiscard]] Caller ApiTokenIdentity(const std::string &hash, std::string_view row);

} // namespace itemize::sidecar::identity
