// The query of /v1/live/{type}: URL → filter. Pure: what it says depends on nothing else.
#pragma once

#include "http/problem.hpp"
#include "http/target.hpp"
#include "matching/filter.hpp"

#include <memory>
#include <variant>

namespace itemize::sidecar::http {

/// What is to be followed, or the first problem, which names the parameter and what is possible. Where to resume from
/// is not looked at.
[[nodiscard]] std::variant<std::shared_ptr<const matching::Filter>, Problem>
ParseLiveFilter(const std::shared_ptr<const matching::TypeFacts> &facts, const Parameters &parameters);

} // namespace itemize::sidecar::http
