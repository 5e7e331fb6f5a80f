// What came of a search, as JSON.
#pragma once

#include "search/ask.hpp"
#include "search/found.hpp"

#include <string>

namespace itemize::sidecar::http {

[[nodiscard]] std::string SearchBody(const search::Ask &ask, const search::Found &found);

} // namespace itemize::sidecar::http
