// What every server of ours says about its process: alive, ready, measured.
#pragma once

#include "base/services.hpp"
#include "http/reply.hpp"

#include <string>
#include <utility>
#include <vector>

namespace itemize::sidecar::http {

/// Not to be kept by anybody: it is of this moment.
[[nodiscard]] Reply MomentReply(std::string content_type, std::string body);

/// 200 or 503, and which parts work.
[[nodiscard]] Reply ReadinessReply(bool ready, const std::vector<std::pair<std::string, bool>> &parts);

[[nodiscard]] Reply MetricsReply(const Services &services);

} // namespace itemize::sidecar::http
