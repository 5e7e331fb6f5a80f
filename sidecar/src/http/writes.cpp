#include "http/writes.hpp"

#include "http/content.hpp"
#include "http/entity_tag.hpp"
#include "http/idempotency.hpp"
#include "http/min_position.hpp"
#include "http/target.hpp"
#include "identity/strict_json.hpp"
#include "itemize/key_text.hpp"
#include "itemize/read_rule.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace itemize::sidecar::http {

namespace {

using Status = read::ReadResult::Status;
using write::Operation;
using write::Outcome;

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kMergePatch = "application/merge-patch+json";

/// RFC 9110 section 8.3: `type/subtype; parameters`, of which none changes what JSON is.
bool IsMediaType(std::string_view field, std::string_view type) {
  return EqualsIgnoringCase(TrimBlanks(field.substr(0, field.find(';'))), type);
}

std::optional<Problem> CheckBody(const FramedRequest &request, Operation operation) {
  const auto type = request.head.Find("Content-Type");
  const bool known =
      type && (IsMediaType(*type, kJson) || (operation == Operation::kPatch && IsMediaType(*type, kMergePatch)));
  const auto coding = request.head.Find("Content-Encoding");
  if (!known || (coding && !EqualsIgnoringCase(TrimBlanks(*coding), "identity"))) {
    return Problem{ProblemKind::kUnsupportedMediaType,
                   operation == Operation::kPatch
                       ? "a patch has the Content-Type application/merge-patch+json (RFC 7396), and no Content-Encoding"
                       : "an item has the Content-Type application/json, and no Content-Encoding",
                   {}};
  }
  if (identity::ParseStrictObject(request.body)) return std::nullopt;
  return BadRequest("the body must be one JSON object in UTF-8, with no member twice, nested at most 32 deep");
}

/// If-Match and If-None-Match. A condition that is not looked at would be a write that the client did not want.
std::optional<Problem> TakeConditions(const RequestHead &head, write::Change &change) {
  const auto match = head.FindAll("If-Match");
  const auto none_match = head.FindAll("If-None-Match");
  if (change.operation == Operation::kCreate && (match || none_match))
    return BadRequest("POST makes a new item whatever there is: for a condition PUT it under its key");
  if (none_match) {
    if (change.operation != Operation::kReplace || match || !IsAnyTag(*none_match))
      return BadRequest("If-None-Match is for PUT, with the value * and without If-Match");
    change.only_create = true;
  }
  if (match) change.is_meant = [field = *match](std::string_view item) { return IfMatchHits(field, EntityTag(item)); };
  return std::nullopt;
}

Problem ProblemOf(const write::Job &job) {
  const write::Done &done = job.done;
  const bool anonymous = job.ask.claims.empty();
  switch (done.outcome) {
  case Outcome::kNotMeant:
    return {ProblemKind::kPreconditionFailed,
            job.ask.changes[done.failed].only_create
                ? "there is an item of this key already"
                : "the item is not the one that If-Match names: read it, and decide anew",
            {}};
  case Outcome::kInvalid:
  case Outcome::kConflict:
  case Outcome::kRaised: {
    const ProblemKind kind = done.outcome == Outcome::kInvalid    ? ProblemKind::kInvalidItem
                             : done.outcome == Outcome::kConflict ? ProblemKind::kConflict
                                                                  : ProblemKind::kRefusedByApplication;
    return {kind,
            done.detail,
            {},
            {{"field", done.field}, {"constraint", done.constraint}, {"sqlstate", done.sqlstate}},
            done.status};
  }
  case Outcome::kNoRole:
    if (anonymous) return {ProblemKind::kTokenNeeded, "who writes must say who he is", {}};
    return {ProblemKind::kForbidden, "no role of this token is one that writes here", {}};
  case Outcome::kForbidden:
    if (anonymous) return {ProblemKind::kTokenNeeded, "nobody in particular may not do this", {}};
    return {ProblemKind::kForbidden, "the role, or a policy of the table, does not allow it", {}};
  case Outcome::kInFlight:
    return {ProblemKind::kRequestInFlight,
            "a request with this Idempotency-Key is being made: send it again for its answer",
            {}};
  case Outcome::kKeyReused:
    return {ProblemKind::kIdempotencyKeyReused,
            "this Idempotency-Key was that of another request: each request has a key of its own",
            {}};
  case Outcome::kContended: return {ProblemKind::kWriteContended, "others write the same now; nothing was written", {}};
  case Outcome::kTimeout:
    return {ProblemKind::kWriteTimeout, "it took longer than a write may; nothing was written", {}};
  case Outcome::kBusy:
    return {ProblemKind::kOverloaded, "too many writes wait, or the database has no room now; nothing was written", {}};
  case Outcome::kUnavailable:
    return {ProblemKind::kDatabaseUnavailable, "the database cannot be written to now; nothing was written", {}};
  case Outcome::kRefused:
    return {ProblemKind::kDatabaseRefuses, "the database is not set up for writes from here; the log says why", {}};
  case Outcome::kUnknown:
    return {ProblemKind::kOutcomeUnknown,
            "the connection to the database was lost while the write was being committed: it may be written, or not. "
            "Read the item to find out, or send the request again if it had an Idempotency-Key",
            {}};
  case Outcome::kFailed:
  case Outcome::kMissing:
  case Outcome::kNotDefined:
  case Outcome::kOk: break;
  }
  return {ProblemKind::kInternal, {}, {}};
}

} // namespace

std::optional<Operation> Writes::OperationOf(std::string_view method, bool one) {
  if (method == "POST" && !one) return Operation::kCreate;
  if (method == "PATCH" && one) return Operation::kPatch;
  if (method == "PUT" && one) return Operation::kReplace;
  if (method == "DELETE" && one) return Operation::kDelete;
  return std::nullopt;
}

std::variant<write::Change, Problem> ParseWrite(const FramedRequest &request, Operation operation) {
  write::Change change;
  change.operation = operation;
  if (operation != Operation::kDelete) {
    if (auto problem = CheckBody(request, operation)) return *std::move(problem);
    change.body = request.body;
  }
  if (auto problem = TakeConditions(request.head, change)) return *std::move(problem);
  return change;
}

Reply Writes::Begin(const FramedRequest &request, Operation operation, const identity::Caller &caller,
                    std::string_view type, std::string_view raw_key) {
  if (!IsTypeName(type)) return WithoutRows(Status::kUnreadable, std::nullopt);
  auto parsed = ParseWrite(request, operation);
  if (auto *problem = std::get_if<Problem>(&parsed)) {
    Reply reply = ProblemReply(*problem);
    // RFC 9110 section 15.5.16, RFC 5789 section 2.2.
    if (reply.status == 415)
      reply.headers.emplace_back(operation == Operation::kPatch ? "Accept-Patch" : "Accept",
                                 operation == Operation::kPatch ? kMergePatch : kJson);
    return reply;
  }
  auto &change = std::get<write::Change>(parsed);
  change.type = type;
  if (operation != Operation::kCreate) {
    auto key = CanonicalClientKey(raw_key);
    if (!key) return ProblemReply({ProblemKind::kMalformedKey, Quoted(raw_key) + " is no key text", {}});
    change.key = *std::move(key);
  }
  write::Ask ask;
  ask.changes.push_back(std::move(change));
  return Queue(request, std::move(ask), caller);
}

Reply Writes::Queue(const FramedRequest &request, write::Ask ask, const identity::Caller &caller) {
  auto once = ParseOnce(request, caller);
  if (auto *problem = std::get_if<Problem>(&once)) return ProblemReply(*problem);
  ask.once = std::get<std::optional<write::Once>>(std::move(once));
  ask.viewer = authorization::Viewer(caller);
  if (caller) {
    ask.roles = caller->roles;
    ask.claims = caller->claims;
  }
  auto job = std::make_shared<write::Job>();
  job->ask = std::move(ask);
  Reply reply;
  reply.park = [this, job](read::Wake wake) { queue_.Add(job, std::move(wake)); };
  reply.write = std::move(job);
  return reply;
}

bool Writes::IsHidden(const write::Job &job) {
  // What is refused at the commit is none of the changes by itself.
  const std::size_t failed = std::min(job.done.failed, job.ask.changes.size() - 1);
  const std::string_view rule = job.done.RuleOf(failed);
  const authorization::Viewer &viewer = job.ask.viewer;
  if (!viewer.MayRead(rule)) return true;
  const write::Change &change = job.ask.changes[failed];
  if (!IsRuleOfOwners(rule) || change.operation == Operation::kCreate) return false;
  read::ReadDemand demand;
  demand.viewer = viewer;
  const read::ReadResult found = reader_.Read(change.type, {change.key}, demand);
  return found.status != Status::kOk || found.rows.empty() || !found.rows.front();
}

Reply Writes::Refusal(const write::Job &job) {
  const Outcome outcome = job.done.outcome;
  // Who may neither see a type, or an item, nor write it is not told that it is there.
  if (outcome == Outcome::kMissing || outcome == Outcome::kNotDefined ||
      (outcome == Outcome::kForbidden && IsHidden(job)))
    return WithoutRows(Status::kUnreadable, std::nullopt);
  Reply reply = ProblemReply(ProblemOf(job));
  if (reply.status == 401) reply.headers.emplace_back("WWW-Authenticate", "Bearer");
  reply.headers.emplace_back("Cache-Control", "no-store");
  return reply;
}

Reply Writes::Finish(const FramedRequest &request) {
  const write::Job &job = *request.write;
  const write::Done &done = job.done;
  if (done.outcome != Outcome::kOk) return Refusal(job);
  const write::Change &change = job.ask.changes.front();
  const write::Written &written = done.written.front();
  const bool minimal = FindPreference(request.head, "return").value_or("") == "minimal";
  const bool shown = change.operation != Operation::kDelete && !written.item.empty() &&
                     job.ask.viewer.MaySee(done.RuleOf(0), written.item);
  const std::string path = "/v1/items/" + change.type + '/' + written.key;
  Reply reply;
  reply.status = written.created ? 201 : (shown && !minimal) ? 200 : 204;
  if (written.created) reply.headers.emplace_back("Location", path);
  if (!done.position.empty()) reply.headers.emplace_back("Itemize-Position", done.position);
  reply.headers.emplace_back("Cache-Control", "no-store");
  if (done.repeated) reply.headers.emplace_back("Idempotent-Replayed", "true");
  if (minimal && shown) reply.headers.emplace_back("Preference-Applied", "return=minimal");
  // What a client sent by PUT is not what is kept: no tag of it without the item (RFC 9110 section 9.3.4).
  if (shown && (!minimal || change.operation != Operation::kReplace))
    reply.headers.emplace_back("ETag", EntityTag(written.item));
  if (shown && !minimal) {
    reply.content_type = kJson;
    reply.body = written.item;
    reply.headers.emplace_back("Content-Location", path);
  }
  return reply;
}

} // namespace itemize::sidecar::http
