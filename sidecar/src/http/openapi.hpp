// GET /v1/openapi.json: the paths, and how items look, as far as the caller may read them (OpenAPI 3.1).
#pragma once

#include "authorization/rule.hpp"
#include "http/descriptions.hpp"

#include <string>
#include <vector>

namespace itemize::sidecar::http {

/// The document for one who may see that much. `writes`: whether items are written here.
[[nodiscard]] std::string OpenApiDocument(const std::vector<ItemDescription> &types,
                                          const authorization::Viewer &viewer, bool writes);

} // namespace itemize::sidecar::http
