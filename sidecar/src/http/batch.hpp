// The body of POST /v1/batch: operations that are done in one transaction, or not at all.
#pragma once

#include "http/problem.hpp"
#include "write/ask.hpp"

#include <cstddef>
#include <string_view>
#include <variant>
#include <vector>

namespace itemize::sidecar::http {

/// Of one batch.
inline constexpr std::size_t kMostOperations = 100;

/// `[{"operation", "type", "key", "value", "if_match", "if_none_match"}, …]`; a problem names the operation. The
/// changes have no bodies: see write::Ask::batch.
[[nodiscard]] std::variant<std::vector<write::Change>, Problem> ParseBatch(std::string_view body);

} // namespace itemize::sidecar::http
