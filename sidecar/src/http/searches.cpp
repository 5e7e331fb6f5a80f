#include "http/searches.hpp"

#include "http/content.hpp"
#include "http/min_position.hpp"
#include "http/search_body.hpp"
#include "http/search_parameters.hpp"
#include "itemize/key_text.hpp"

#include <utility>
#include <variant>

namespace itemize::sidecar::http {

namespace {

using search::Outcome;
using Status = read::ReadResult::Status;

Problem ProblemOf(const search::Found &found, bool position_wanted) {
  switch (found.outcome) {
  case Outcome::kWrong: return {ProblemKind::kBadRequest, found.detail, {}};
  case Outcome::kNotDefined: return {ProblemKind::kNotFound, found.detail, {}};
  case Outcome::kTimeout:
    return {ProblemKind::kSearchTimeout, "the search took too long: ask for less, in a smaller area, or later", {}};
  case Outcome::kBusy:
    return {ProblemKind::kOverloaded,
            "too many searches wait for an answer, or the database has no room for another now",
            {}};
  case Outcome::kUnavailable:
    if (position_wanted) {
      return {
          ProblemKind::kPositionNotReached, "no database that has come to Itemize-Min-Position can be asked now", {}};
    }
    return {ProblemKind::kDatabaseUnavailable, "no database can be searched now", {}};
  case Outcome::kRefused:
    return {ProblemKind::kDatabaseRefuses, "the database does not let this sidecar search; its log says why", {}};
  case Outcome::kFailed:
  case Outcome::kOk: break;
  }
  return {ProblemKind::kInternal, {}, {}};
}

Reply Finish(const RequestHead &head, const search::Job &job) {
  if (job.found.outcome != Outcome::kOk) return ProblemReply(ProblemOf(job.found, job.demand.at_least.has_value()));
  if (job.reading.status != Status::kOk) return WithoutRows(job.reading.status, job.reading.position);
  Reply reply = Content(head, SearchBody(job.ask, job.found), {!authorization::IsForEveryone(job.reading.rule), {}});
  reply.headers.emplace_back("Cache-Status", kNotFromCache);
  Describe(reply, job.reading.position, job.reading.without_redis, job.reading.stale);
  return reply;
}

} // namespace

Reply Searches::Answer(const FramedRequest &request, const authorization::Viewer &viewer, search::Kind kind,
                       std::string_view type, const Parameters &parameters) {
  if (!IsTypeName(type)) return WithoutRows(Status::kUnreadable, std::nullopt);
  auto parsed_demand = ParseDemand(request.head, viewer);
  if (auto *problem = std::get_if<Problem>(&parsed_demand)) return ProblemReply(*problem);
  const auto &demand = std::get<read::ReadDemand>(parsed_demand);
  if (request.search) return WithPreferenceApplied(request.head, demand, Finish(request.head, *request.search));
  auto ask = ParseSearch(kind, type, parameters);
  if (auto *problem = std::get_if<Problem>(&ask)) return ProblemReply(*problem);
  return WithPreferenceApplied(request.head, demand, Begin(request, demand, std::get<search::Ask>(std::move(ask))));
}

Reply Searches::Begin(const FramedRequest &request, read::ReadDemand demand, search::Ask ask) {
  demand.may_await_position = !request.parked;
  read::ReadResult allowed = reader_.Read(ask.type, {}, demand);
  if (allowed.status == Status::kAwaitPosition) return AwaitPosition(rooms_, demand);
  if (allowed.status != Status::kOk) return WithoutRows(allowed.status, allowed.position);
  auto job = std::make_shared<search::Job>();
  job->ask = std::move(ask);
  // Not older than what this cluster shows: then neither is the answer.
  if (!allowed.without_redis) job->floor = allowed.position;
  job->demand.at_least = demand.at_least;
  job->demand.viewer = demand.viewer;
  if (!authorization::IsForEveryone(allowed.rule)) job->ask.claims = demand.viewer.claims();
  job->reading = std::move(allowed);
  Reply reply;
  reply.park = [this, job](read::Wake wake) { rooms_.searches.Add(job, std::move(wake)); };
  reply.search = std::move(job);
  return reply;
}

} // namespace itemize::sidecar::http
