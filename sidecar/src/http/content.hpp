// What answers with items have in common: problems of a read, conditional requests, and the fields that describe them.
#pragma once

#include "http/reply.hpp"
#include "http/request_head.hpp"
#include "read/item_reader.hpp"

#include <optional>
#include <string>

namespace itemize::sidecar::http {

/// The answer to a read that gave nothing; what may not be read is not told from what is not there. `position`: the
/// running one, for kOtherEpoch.
[[nodiscard]] Reply WithoutRows(read::ReadResult::Status status, const std::optional<Position> &position);

/// The problem of one item, kUnencodable, in an answer that has others.
[[nodiscard]] std::string UnencodableItem();

/// RFC 7240 section 3: tells that the wait was the one preferred.
[[nodiscard]] Reply WithPreferenceApplied(const RequestHead &head, const read::ReadDemand &demand, Reply reply);

/// Itemize-Position and Itemize-Degraded.
void Describe(Reply &reply, const std::optional<Position> &position, bool without_redis, bool stale);

/// 200 with the body, or 304 when the client has it.
[[nodiscard]] Reply Content(const RequestHead &head, std::string body);

} // namespace itemize::sidecar::http
