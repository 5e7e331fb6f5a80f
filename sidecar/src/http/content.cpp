#include "http/content.hpp"

#include "http/entity_tag.hpp"
#include "http/min_position.hpp"

namespace itemize::sidecar::http {

namespace {

using Status = read::ReadResult::Status;

constexpr std::string_view kIfNoneMatch = "If-None-Match";

Problem ProblemOf(Status status) {
  switch (status) {
  case Status::kNotReady: return {ProblemKind::kNotReady, "the local copy has not been made yet", {}};
  case Status::kUnavailable:
    return {ProblemKind::kDatabaseUnavailable, "not held here, and the database cannot be asked now", {}};
  case Status::kContended:
    return {ProblemKind::kOverloaded, "the item could not be taken into the local copy in time", {}};
  case Status::kRefused:
    return {
        ProblemKind::kDatabaseRefuses, "the role of this sidecar may not read items; its log says what to grant", {}};
  case Status::kUnencodable:
    return {ProblemKind::kItemUnencodable,
            "the database has an item that it cannot give: it is too large, or a value cannot be turned into text; the "
            "log of this sidecar names it",
            {}};
  case Status::kNotListed:
    return {ProblemKind::kBadRequest,
            "items of this type are for their owners: they are asked for by key, or found by /v1/search, not listed",
            {}};
  case Status::kMalformed: return {ProblemKind::kMalformedKey, "after is no key of this type", {}};
  case Status::kOtherEpoch:
    return {ProblemKind::kPositionOfAnotherEpoch,
            "Itemize-Min-Position is of a history that is over: load anew what was loaded, and go on from the "
            "Itemize-Position of the answers",
            {}};
  case Status::kNotReached:
    return {ProblemKind::kPositionNotReached,
            "this cluster has not come to Itemize-Min-Position yet, and the primary cannot answer instead",
            {}};
  case Status::kAwaitPosition:
  case Status::kAwaitFill:
  case Status::kUnreadable:
  case Status::kOk: break;
  }
  return {ProblemKind::kNotFound, {}, {}};
}

/// Unless the definition says otherwise, it is kept by whoever likes, or by this client alone, and shown only after
/// asking here: then a 304 costs no row.
std::string CacheControlOf(const Keeping &keeping) {
  std::string_view rest = keeping.directives;
  if (rest.empty()) rest = "no-cache";
  std::string text;
  if (keeping.restricted && !HasDirective(rest, "private")) text = "private";
  while (!rest.empty())
    text.append(text.empty() ? "" : ", ").append(TakeDirective(rest));
  return text;
}

/// What the answer depends on. Where it is kept without asking, it is no answer to who demands a position.
std::string VaryOf(const Keeping &keeping, std::string_view coding) {
  std::string text;
  const auto add = [&text](std::string_view field) { text.append(text.empty() ? "" : ", ").append(field); };
  if (keeping.restricted) add("Authorization");
  if (!keeping.directives.empty()) add("Itemize-Min-Position");
  if (!coding.empty()) add(coding);
  return text;
}

} // namespace

Reply WithoutRows(Status status, const std::optional<Position> &position) {
  Reply reply = ProblemReply(ProblemOf(status));
  // What is not there for one may be there for another.
  if (status == Status::kUnreadable) reply.headers.emplace_back("Cache-Control", "no-store");
  if (status == Status::kOtherEpoch) {
    // Asked once more from a cache, it would be the same problem for ever.
    reply.headers.emplace_back("Cache-Control", "no-store");
    if (position) reply.headers.emplace_back("Itemize-Position", FormatPosition(*position));
  }
  return reply;
}

std::string ItemProblem(Status status) {
  std::string body = ProblemBody(ProblemOf(status));
  while (!body.empty() && body.back() == '\n')
    body.pop_back();
  return body;
}

Reply WithPreferenceApplied(const RequestHead &head, const read::ReadDemand &demand, Reply reply) {
  if (!demand.at_least || reply.park) return reply;
  if (const auto wait = PreferredWait(head)) {
    reply.headers.emplace_back("Preference-Applied", "wait=" + std::to_string(wait->count()));
  }
  return reply;
}

std::string CacheStatus(const read::ReadResult &read) {
  std::string status(kHit);
  if (read.without_redis) {
    status = "itemize; fwd=miss";
  } else if (read.ahead_of_copy || read.held < read.asked) {
    // RFC 9211 section 2.2: what is held was not new enough for this request, was part of it, or was not there.
    status = read.ahead_of_copy ? "itemize; fwd=request"
             : read.held > 0    ? "itemize; fwd=partial"
                                : "itemize; fwd=uri-miss";
    if (read.stored) status += "; stored";
  }
  if (read.without_redis) status += "; detail=redis-away";
  if (read.stale) status += "; detail=database-away";
  return status;
}

void Describe(Reply &reply, const std::optional<Position> &position, bool without_redis, bool stale) {
  if (position) reply.headers.emplace_back("Itemize-Position", FormatPosition(*position));
  if (without_redis) reply.headers.emplace_back("Itemize-Degraded", "redis");
  if (stale) reply.headers.emplace_back("Itemize-Degraded", "database");
}

Reply Content(const RequestHead &head, std::string body, const Keeping &keeping) {
  Reply reply;
  const std::string tag = EntityTag(body);
  reply.headers.emplace_back("ETag", tag);
  reply.headers.emplace_back("Cache-Control", CacheControlOf(keeping));
  if (auto vary = VaryOf(keeping, {}); !vary.empty()) reply.headers.emplace_back("Vary", std::move(vary));
  if (IfNoneMatchHits(head.FindAll(kIfNoneMatch).value_or(""), tag)) {
    reply.status = 304;
    return reply;
  }
  reply.content_type = "application/json";
  reply.body = std::move(body);
  return reply;
}

CodedContent::CodedContent(const RequestHead &head, std::string_view tag, const Keeping &keeping)
    : accepted_(head), tag_(tag), keeping_(keeping) {
  const std::string field = head.FindAll(kIfNoneMatch).value_or("");
  if (field.empty()) return;
  any_ = IsAnyTag(field);
  if (any_) return;
  // A cache may name what it has for other clients as well: only what this one takes counts.
  for (const Coding coding : {accepted_.Preferred(), Coding::kIdentity, Coding::kGzip, Coding::kBrotli}) {
    if (!accepted_.Takes(coding)) continue;
    const std::string under = TagUnder(tag_, coding);
    if (!IfNoneMatchHits(field, under)) continue;
    held_ = under;
    return;
  }
}

Reply CodedContent::Described(const std::string &tag) const {
  Reply reply;
  reply.headers.emplace_back("ETag", tag);
  reply.headers.emplace_back("Cache-Control", CacheControlOf(keeping_));
  reply.headers.emplace_back("Vary", VaryOf(keeping_, "Accept-Encoding"));
  return reply;
}

Reply CodedContent::NotModified() const {
  Reply reply = Described(held_);
  reply.status = 304;
  return reply;
}

Reply CodedContent::Whole(Coding coding, std::string body) const {
  Reply reply = Described(TagUnder(tag_, coding));
  if (any_) {
    reply.status = 304;
    return reply;
  }
  if (coding != Coding::kIdentity) reply.headers.emplace_back("Content-Encoding", NameOf(coding));
  reply.content_type = "application/json";
  reply.body = std::move(body);
  return reply;
}

} // namespace itemize::sidecar::http
