// Conditional requests (RFC 9110 sections 13.1.1 and 13.1.2).
#pragma once

#include "base/entity_tag.hpp"

#include <string_view>

namespace itemize::sidecar::http {

/// Whether an If-None-Match field is `*`.
[[nodiscard]] bool IsAnyTag(std::string_view field);

/// Whether an If-None-Match field names `tag` (weak comparison) or is `*`. A malformed field matches
/// nothing: the client then gets the whole answer.
[[nodiscard]] bool IfNoneMatchHits(std::string_view field, std::string_view tag);

/// Whether an If-Match field names an item (strong comparison), `tag` being that of its own bytes, or is `*`: any of
/// its representations will do, as the client may hold a compressed one. A malformed field names nothing.
[[nodiscard]] bool IfMatchHits(std::string_view field, std::string_view tag);

} // namespace itemize::sidecar::http
