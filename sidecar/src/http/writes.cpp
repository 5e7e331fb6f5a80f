#include "http/writes.hpp"

#include "http/batch.hpp"
#include "http/content.hpp"
#include "http/entity_tag.hpp"
#include "http/idempotency.hpp"
#include "http/min_position.hpp"
#include "http/target.hpp"
#include "identity/strict_json.hpp"
#include "itemize/key_text.hpp"
#include "itemize/read_rule.hpp"

#include <algorithm>
#include <initializer_list>
#include <utility>

namespace itemize::sidecar::http {

namespace {

using Status = read::ReadResult::Status;
using write::Operation;
using write::Outcome;

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kOneObject =
    "the body must be one JSON object in UTF-8, with no member twice, nested at most 32 deep";
constexpr std::string_view kMergePatch = "application/merge-patch+json";

/// RFC 9110 section 8.3: `type/subtype; parameters`, of which none changes what JSON is.
bool IsMediaType(std::string_view field, std::string_view type) {
  return EqualsIgnoringCase(TrimBlanks(field.substr(0, field.find(';'))), type);
}

/// A body that is said to be one of these.
std::optional<Problem> CheckMediaType(const RequestHead &head, std::initializer_list<std::string_view> types,
                                      std::string_view what) {
  const auto type = head.Find("Content-Type");
  const auto coding = head.Find("Content-Encoding");
  const bool known =
      type && std::any_of(types.begin(), types.end(), [&](std::string_view one) { return IsMediaType(*type, one); });
  if (known && (!coding || EqualsIgnoringCase(TrimBlanks(*coding), "identity"))) return std::nullopt;
  return Problem{ProblemKind::kUnsupportedMediaType, std::string(what) + ", and no Content-Encoding", {}};
}

std::optional<Problem> CheckBody(const FramedRequest &request, Operation operation) {
  auto problem = operation == Operation::kPatch
                     ? CheckMediaType(request.head, {kMergePatch, kJson},
                                      "a patch has the Content-Type application/merge-patch+json (RFC 7396)")
                     : CheckMediaType(request.head, {kJson}, "an item has the Content-Type application/json");
  if (problem) return problem;
  if (identity::ParseStrictObject(request.body)) return std::nullopt;
  return BadRequest(std::string(kOneObject));
}

/// Of what is no write of one item: JSON, without conditions.
std::optional<Problem> CheckPosted(const FramedRequest &request, std::string_view media_type) {
  if (request.head.Find("If-Match") || request.head.Find("If-None-Match"))
    return BadRequest("If-Match and If-None-Match are for writes of one item");
  return CheckMediaType(request.head, {kJson}, media_type);
}

Reply PostedRefusal(const Problem &problem) {
  Reply reply = ProblemReply(problem);
  if (reply.status == 415) reply.headers.emplace_back("Accept", kJson);
  return reply;
}

/// Whether it is a verdict over one change; the others are over the whole.
bool IsOfOneChange(Outcome outcome) {
  switch (outcome) {
  case Outcome::kMissing:
  case Outcome::kNotDefined:
  case Outcome::kNotMeant:
  case Outcome::kInvalid:
  case Outcome::kConflict:
  case Outcome::kForbidden:
  case Outcome::kRaised: return true;
  default: return false;
  }
}

} // namespace

std::optional<Problem> TakeConditions(write::Change &change, const std::optional<std::string> &match,
                                      const std::optional<std::string> &none_match) {
  if (change.operation == Operation::kCreate && (match || none_match))
    return BadRequest("a new item is made whatever there is: for a condition PUT it under its key");
  if (none_match) {
    if (change.operation != Operation::kReplace || match || !IsAnyTag(*none_match))
      return BadRequest("If-None-Match is for PUT, with the value * and without If-Match");
    change.only_create = true;
  }
  if (match) change.is_meant = [field = *match](std::string_view item) { return IfMatchHits(field, EntityTag(item)); };
  return std::nullopt;
}

namespace {

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
  if (auto problem = TakeConditions(change, request.head.FindAll("If-Match"), request.head.FindAll("If-None-Match")))
    return *std::move(problem);
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

Reply Writes::BeginCall(const FramedRequest &request, const identity::Caller &caller, std::string_view function) {
  if (!IsTypeName(function)) return WithoutRows(Status::kUnreadable, std::nullopt);
  if (auto problem = CheckPosted(request, "arguments have the Content-Type application/json"))
    return PostedRefusal(*problem);
  if (!identity::ParseStrictObject(request.body)) return ProblemReply(BadRequest(std::string(kOneObject)));
  write::Change change;
  change.operation = Operation::kCall;
  change.type = function;
  change.body = request.body;
  write::Ask ask;
  ask.changes.push_back(std::move(change));
  return Queue(request, std::move(ask), caller);
}

Reply Writes::BeginBatch(const FramedRequest &request, const identity::Caller &caller) {
  if (auto problem = CheckPosted(request, "a batch has the Content-Type application/json"))
    return PostedRefusal(*problem);
  auto parsed = ParseBatch(request.body);
  if (auto *problem = std::get_if<Problem>(&parsed)) return ProblemReply(*problem);
  write::Ask ask;
  ask.changes = std::get<std::vector<write::Change>>(std::move(parsed));
  ask.batch = request.body;
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
  // That a function is exposed is no secret.
  if (job.ask.changes[failed].operation == Operation::kCall) return false;
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
  const bool absent = outcome == Outcome::kMissing || outcome == Outcome::kNotDefined ||
                      (outcome == Outcome::kForbidden && IsHidden(job));
  Problem problem = absent ? Problem{ProblemKind::kNotFound, {}, {}} : ProblemOf(job);
  if (!job.ask.batch.empty() && IsOfOneChange(outcome) && job.done.failed < job.ask.changes.size())
    problem.operation = job.done.failed;
  Reply reply = ProblemReply(problem);
  if (reply.status == 401) reply.headers.emplace_back("WWW-Authenticate", "Bearer");
  reply.headers.emplace_back("Cache-Control", "no-store");
  return reply;
}

Writes::Shown Writes::ShownOf(const write::Job &job, std::size_t change, bool minimal) {
  const write::Written &written = job.done.written[change];
  const Operation operation = job.ask.changes[change].operation;
  Shown shown;
  shown.seen = operation != Operation::kDelete && !written.item.empty() &&
               job.ask.viewer.MaySee(job.done.RuleOf(change), written.item);
  shown.item = shown.seen && !minimal;
  // What a client sent by PUT is not what is kept: no tag of it without the item (RFC 9110 section 9.3.4).
  shown.tag = shown.item || (shown.seen && operation != Operation::kReplace);
  shown.status = written.created ? 201 : shown.item ? 200 : 204;
  return shown;
}

Reply Writes::Finish(const FramedRequest &request) {
  const write::Job &job = *request.write;
  const write::Done &done = job.done;
  if (done.outcome != Outcome::kOk) return Refusal(job);
  const bool minimal = FindPreference(request.head, "return").value_or("") == "minimal";
  Reply reply;
  if (!done.position.empty()) reply.headers.emplace_back("Itemize-Position", done.position);
  reply.headers.emplace_back("Cache-Control", "no-store");
  if (done.repeated) reply.headers.emplace_back("Idempotent-Replayed", "true");
  if (job.ask.changes.front().operation == Operation::kCall) {
    TellCall(job, reply);
  } else if (job.ask.batch.empty()) {
    TellOne(job, minimal, reply);
  } else {
    TellBatch(job, minimal, reply);
  }
  return reply;
}

void Writes::TellOne(const write::Job &job, bool minimal, Reply &reply) {
  const write::Written &written = job.done.written.front();
  const Shown shown = ShownOf(job, 0, minimal);
  const std::string path = "/v1/items/" + job.ask.changes.front().type + '/' + written.key;
  reply.status = shown.status;
  if (written.created) reply.headers.emplace_back("Location", path);
  if (minimal && shown.seen) reply.headers.emplace_back("Preference-Applied", "return=minimal");
  if (shown.tag) reply.headers.emplace_back("ETag", EntityTag(written.item));
  if (shown.item) {
    reply.content_type = kJson;
    reply.body = written.item;
    reply.headers.emplace_back("Content-Location", path);
  }
}

void Writes::TellCall(const write::Job &job, Reply &reply) {
  reply.status = 204;
  const std::string &result = job.done.written.front().item;
  if (result.empty()) return;
  reply.status = 200;
  reply.content_type = kJson;
  reply.body = result;
}

void Writes::TellBatch(const write::Job &job, bool minimal, Reply &reply) {
  reply.content_type = kJson;
  reply.body = R"({"results":[)";
  for (std::size_t i = 0; i < job.ask.changes.size(); ++i) {
    const write::Written &written = job.done.written[i];
    const Shown shown = ShownOf(job, i, minimal);
    if (i > 0) reply.body += ',';
    reply.body += R"({"status":)" + std::to_string(shown.status) + R"(,"type":)" + JsonString(job.ask.changes[i].type) +
                  R"(,"key":)" + JsonString(written.key);
    if (shown.tag) reply.body += R"(,"etag":)" + JsonString(EntityTag(written.item));
    if (shown.item) reply.body += R"(,"item":)" + written.item;
    reply.body += '}';
  }
  reply.body += "]}";
  if (minimal) reply.headers.emplace_back("Preference-Applied", "return=minimal");
}

} // namespace itemize::sidecar::http
