// What answers with items have in common: problems of a read, conditional requests, and the fields that describe them.
#pragma once

#include "authorization/rule.hpp"
#include "http/content_coding.hpp"
#include "http/reply.hpp"
#include "http/request_head.hpp"
#include "itemize/cache_control.hpp"
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

/// Who may keep an answer, and for how long.
struct Keeping {
  /// It is for this client and not for others.
  bool restricted = false;
  /// What the definition says to caches, without spaces; empty: they ask here each time.
  std::string_view directives;

  /// By a rule as it is carried, which must outlive this.
  [[nodiscard]] static Keeping By(std::string_view rule) {
    return {!authorization::IsForEveryone(rule), DirectivesOf(rule)};
  }
};

/// 200 with the body, or 304 when the client has it.
[[nodiscard]] Reply Content(const RequestHead &head, std::string body, const Keeping &keeping);

/// An item that may be sent under several codings. `tag` is that of its own bytes.
class CodedContent {
public:
  /// What `keeping` has must outlive this.
  CodedContent(const RequestHead &head, std::string_view tag, const Keeping &keeping);

  /// The one that the client would rather have; whether it gets it is said with Whole.
  [[nodiscard]] Coding preferred() const { return accepted_.Preferred(); }
  /// Whether the client has it, under a coding that it takes.
  [[nodiscard]] bool not_modified() const { return !held_.empty(); }

  /// 304, when not_modified().
  [[nodiscard]] Reply NotModified() const;
  /// 200, or 304 when whatever there is will do. `coding` is that of the body.
  [[nodiscard]] Reply Whole(Coding coding, std::string body) const;

private:
  [[nodiscard]] Reply Described(const std::string &tag) const;

  AcceptedCodings accepted_;
  std::string tag_;
  Keeping keeping_;
  bool any_ = false;
  /// The tag that the client has named.
  std::string held_;
};

} // namespace itemize::sidecar::http
