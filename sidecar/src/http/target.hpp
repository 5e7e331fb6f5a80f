// The request target, taken apart without loss: a key's %2C is a value's comma, not a separator, so
// path segments stay as the client wrote them; only the query is decoded.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace itemize::sidecar::http {

using Parameters = std::vector<std::pair<std::string, std::string>>;

struct Target {
  std::string_view path;
  std::string_view query;
};

[[nodiscard]] Target SplitTarget(std::string_view target);

/// The segments between the slashes of a path, raw. `/v1/items/a` has three, `/` has one empty one.
[[nodiscard]] std::vector<std::string_view> PathSegments(std::string_view path);

/// Names and values decoded as application/x-www-form-urlencoded, which is what browsers send.
/// Nothing when a '%' is not followed by two hexadecimal digits.
[[nodiscard]] std::optional<Parameters> ParseQuery(std::string_view query);

/// Whether `text` is well-formed UTF-8 without NUL, which is what a PostgreSQL text can be.
[[nodiscard]] bool IsDatabaseText(std::string_view text);

/// A client's key text in canonical form; nothing when it is malformed, too long, or holds bytes that
/// no PostgreSQL text can have.
[[nodiscard]] std::optional<std::string> CanonicalClientKey(std::string_view key_text);

} // namespace itemize::sidecar::http
