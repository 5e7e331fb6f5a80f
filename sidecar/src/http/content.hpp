// What answers with items have in common: problems of a read, conditional requests, and the fields that describe them.
#pragma once

#include "http/reply.hpp"
#include "http/request_head.hpp"
#include "read/item_reader.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace itemize::sidecar::http {

/// The answer to a read that gave nothing; what may not be read is not told from what is not there. `position`: the
/// running one, for kOtherEpoch.
[[nodiscard]] Reply WithoutRows(read::ReadResult::Status status, const std::optional<Position> &position);

/// The problem of one item, kUnencodable or kContended, in an answer that has others.
[[nodiscard]] std::string ItemProblem(read::ReadResult::Status status);

/// RFC 7240 section 3: tells that the wait was the one preferred.
[[nodiscard]] Reply WithPreferenceApplied(const RequestHead &head, const read::ReadDemand &demand, Reply reply);

/// Cache-Status (RFC 9211) of an answer with items.
[[nodiscard]] std::string CacheStatus(const read::ReadResult &read);
/// The same of an item that was held.
inline constexpr std::string_view kHit = "itemize; hit";
/// The same of one that the database is always asked for.
inline constexpr std::string_view kNotFromCache = "itemize; fwd=bypass";

/// Itemize-Position and Itemize-Degraded.
void Describe(Reply &reply, const std::optional<Position> &position, bool without_redis, bool stale);

/// 200 with the body, or 304 when the client has it. `restricted`: it is for this client and not for others.
[[nodiscard]] Reply Content(const RequestHead &head, std::string body, bool restricted);
/// The same of a body whose entity tag is known.
[[nodiscard]] Reply Content(const RequestHead &head, const std::string &tag, std::string body, bool restricted);

} // namespace itemize::sidecar::http
