// What an error of the server's means for a search: the one table of it, also in docs/reference/http-api.md.
#pragma once

#include "search/found.hpp"

#include <string_view>

namespace itemize::sidecar::search {

/// Of an SQLSTATE; the empty one is the connection's own error.
[[nodiscard]] Outcome VerdictOf(std::string_view sqlstate);

} // namespace itemize::sidecar::search
