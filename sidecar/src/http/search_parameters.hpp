// The query of /v1/search, /v1/facets and /v1/clusters: URL → question. Pure: what it says depends on nothing else.
#pragma once

#include "http/problem.hpp"
#include "http/target.hpp"
#include "search/ask.hpp"

#include <string_view>
#include <variant>

namespace itemize::sidecar::http {

/// What is asked for, or the first problem, which names the parameter and the form it must have.
[[nodiscard]] std::variant<search::Ask, Problem> ParseSearch(search::Kind kind, std::string_view type,
                                                             const Parameters &parameters);

} // namespace itemize::sidecar::http
