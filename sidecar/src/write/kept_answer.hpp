// The answer to a request with an Idempotency-Key, as it is kept for the next one with that key.
#pragma once

#include "write/ask.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace itemize::sidecar::write {

/// Bytes that are kept of an answer at most; beyond that it is kept without its items.
inline constexpr std::size_t kMostKeptBytes = std::size_t{256} * 1024;

[[nodiscard]] std::string FormatKept(const std::vector<Written> &written);

/// Throws std::runtime_error for what FormatKept has not made.
[[nodiscard]] std::vector<Written> ParseKept(std::string_view kept);

} // namespace itemize::sidecar::write
