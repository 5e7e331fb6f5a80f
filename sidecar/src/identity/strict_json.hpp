// JSON in which nothing can be read in two ways: a second member of a name is no member but a refusal.
#pragma once

#include <nlohmann/json.hpp>

#include <optional>
#include <string_view>

namespace itemize::sidecar::identity {

/// Nothing when `text` is no JSON (RFC 8259, UTF-8; a NUL byte is of none), has a name twice in one object, or
/// is nested too deeply.
[[nodiscard]] std::optional<nlohmann::json> ParseStrict(std::string_view text);

/// The same of an object.
[[nodiscard]] std::optional<nlohmann::json> ParseStrictObject(std::string_view text);

} // namespace itemize::sidecar::identity
