// The request fields Itemize-Min-Position and, for how long to wait for it, Prefer: wait (RFC 7240 section 4.3).
#pragma once

#include "http/problem.hpp"
#include "http/request_head.hpp"
#include "read/min_position.hpp"

#include <chrono>
#include <optional>
#include <string_view>
#include <variant>

namespace itemize::sidecar::http {

inline constexpr std::chrono::seconds kDefaultPositionWait{1};
inline constexpr std::chrono::seconds kLongestPositionWait{30};

/// The value of the first preference of that name (RFC 7240), without quotes; empty for one without a value.
[[nodiscard]] std::optional<std::string_view> FindPreference(const RequestHead &head, std::string_view name);

/// The first `wait` among the preferences, in whole seconds and no more than the longest wait; nothing when there is
/// none, or it is no number.
[[nodiscard]] std::optional<std::chrono::seconds> PreferredWait(const RequestHead &head);

/// What the request asks of its read; a problem when the position is malformed or given twice.
[[nodiscard]] std::variant<read::ReadDemand, Problem> ParseDemand(const RequestHead &head,
                                                                  const authorization::Viewer &viewer = {});

} // namespace itemize::sidecar::http
