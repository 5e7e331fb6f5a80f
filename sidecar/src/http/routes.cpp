#include "http/routes.hpp"

#include "http/content.hpp"
#include "http/health.hpp"
#include "http/key_list.hpp"
#include "http/live_filter.hpp"
#include "http/openapi.hpp"
#include "http/web_socket.hpp"
#include "itemize/key_text.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <chrono>
#include <variant>

namespace itemize::sidecar::http {

namespace {

constexpr std::string_view kAllowed = "GET, HEAD";
constexpr std::string_view kPost = "POST";

bool IsRead(const std::string &method) { return method == "GET" || method == "HEAD"; }

/// Paths of three segments under /v1 that search.
struct SearchRoute {
  std::string_view name;
  search::Kind kind;
};

constexpr std::array<SearchRoute, 3> kSearchRoutes{
    {{"search", search::Kind::kSearch}, {"facets", search::Kind::kFacets}, {"clusters", search::Kind::kClusters}}};

const SearchRoute *FindSearchRoute(std::string_view name) {
  for (const SearchRoute &route : kSearchRoutes) {
    if (route.name == name) return &route;
  }
  return nullptr;
}

Reply NotFound() { return ProblemReply({ProblemKind::kNotFound, {}, {}}); }

/// Who the token of a request is of, as it is understood here.
std::string CallerBody(const identity::Caller &caller) {
  nlohmann::json body{{"authenticated", caller != nullptr}};
  if (caller) {
    body["subject"] = caller->subject;
    body["roles"] = caller->roles;
    if (caller->expires != std::chrono::system_clock::time_point::max())
      body["expires"] = std::chrono::duration_cast<std::chrono::seconds>(caller->expires.time_since_epoch()).count();
  }
  return body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Reply Named(std::string_view route, Reply reply) {
  reply.route = route;
  return reply;
}

} // namespace

Routes::Routes(RouteContext &context)
    : context_(context), reader_(context.backends), items_(reader_, context.rooms, context.backends.memory),
      feedback_(context.backends, reader_, context.rooms), pages_(context.backends, reader_, context.rooms),
      searches_(reader_, context.rooms), writes_(reader_, context.rooms.writes),
      subscribe_(context.hub, context.backends.options.prefix, reader_) {}

std::optional<Reply> Routes::Answer(const FramedRequest &request) {
  try {
    return Dispatch(request);
  } catch (const Stopped &) {
    return ProblemReply({ProblemKind::kOverloaded, "this server is being stopped", {}});
  } catch (const std::exception &error) {
    context_.backends.services.log.Error("request_failed", {{"error", error.what()}, {"target", request.head.target}});
    return ProblemReply({ProblemKind::kInternal, {}, {}});
  }
}

std::optional<Reply> Routes::Dispatch(const FramedRequest &request) {
  const RequestHead &head = request.head;
  const Target target = SplitTarget(head.target);
  const auto path = PathSegments(target.path);
  const bool ours =
      path[0] == "v1" || (path.size() == 1 && (path[0] == "livez" || path[0] == "readyz" || path[0] == "metrics"));
  if (!ours) return std::nullopt;
  if (pages_.enabled() && path.size() >= 3 && path[1] == "pages") return Named("page", Page(request, target));
  const bool one = path.size() == 4 && path[1] == "items";
  const bool collection = path.size() == 3 && path[1] == "items";
  const bool batch = path.size() == 2 && path[0] == "v1" && path[1] == "batch" && context_.rooms.writes.on();
  const bool call = path.size() == 3 && path[0] == "v1" && path[1] == "rpc" && context_.rooms.writes.on();
  const bool openapi = path.size() == 2 && path[0] == "v1" && path[1] == "openapi.json";
  const bool filtered = path.size() == 3 && path[1] == "live";
  const bool live = filtered || (path.size() == 2 && path[1] == "live");
  const bool who = path.size() == 2 && path[1] == "caller";
  const bool feedback = path.size() == 2 && path[0] == "v1" && path[1] == "feedback";
  const SearchRoute *const search = path.size() == 3 && path[0] == "v1" ? FindSearchRoute(path[1]) : nullptr;
  if (path[0] == "v1" && !one && !collection && !live && !who && !feedback && !batch && !call && !openapi &&
      search == nullptr)
    return NotFound();
  const std::string_view route = search != nullptr     ? search->name
                                 : one                 ? "item"
                                 : collection          ? "items"
                                 : live                ? "live"
                                 : who                 ? "caller"
                                 : feedback            ? "feedback"
                                 : batch               ? "batch"
                                 : call                ? "rpc"
                                 : openapi             ? "openapi"
                                 : path[0] == "livez"  ? "livez"
                                 : path[0] == "readyz" ? "readyz"
                                                       : "metrics";
  if ((one || collection) && !IsRead(head.method))
    return Named(route, Write(request, target, path[2], one ? path[3] : std::string_view()));
  const bool posted = feedback || batch || call;
  if (posted ? head.method != kPost : !IsRead(head.method)) {
    return Named(route, ProblemReply({ProblemKind::kMethodNotAllowed, {}, std::string(posted ? kPost : kAllowed)}));
  }
  // It is done: nothing that has changed since makes it undone.
  if (request.write) return Named(route, writes_.Finish(request));
  identity::Caller caller;
  if (path[0] == "v1") {
    if (auto reply = context_.authentication.Check(request, caller)) return Named(route, std::move(*reply));
  }
  const auto parameters = ParseQuery(target.query);
  if (!parameters) {
    return Named(
        route,
        ProblemReply({ProblemKind::kBadRequest, "a '%' in the query is not followed by two hexadecimal digits", {}}));
  }
  const authorization::Viewer viewer(caller);
  if (filtered) return Named(route, LiveByFilter(request, viewer, path[2], *parameters));
  if (live) return Named(route, Live(request, viewer, *parameters));
  if (search != nullptr) return Named(route, searches_.Answer(request, viewer, search->kind, path[2], *parameters));
  if (collection) return Named(route, items_.Collection(request, viewer, path[2], *parameters));
  if (auto problem = CheckParameters(*parameters, {})) return Named(route, ProblemReply(*problem));
  if (openapi) return Named(route, OpenApi(head, viewer));
  if (who) return Named(route, MomentReply("application/json", CallerBody(caller)));
  if (call) return Named(route, writes_.BeginCall(request, caller, path[2]));
  if (batch) return Named(route, writes_.BeginBatch(request, caller));
  if (feedback) return Named(route, feedback_.Answer(request, viewer));
  if (one) return Named(route, items_.One(request, viewer, path[2], path[3]));
  if (route == "livez") return Named(route, MomentReply("text/plain; charset=utf-8", "ok\n"));
  return Named(route, route == "readyz" ? Readiness() : MetricsText());
}

Reply Routes::Write(const FramedRequest &request, const Target &target, std::string_view type,
                    std::string_view raw_key) {
  // It is done: nothing that has changed since makes it undone.
  if (request.write) return writes_.Finish(request);
  const bool one = PathSegments(target.path).size() == 4;
  const auto operation = Writes::OperationOf(request.head.method, one);
  if (!context_.rooms.writes.on() || !operation) {
    Problem problem{ProblemKind::kMethodNotAllowed, {}, std::string(kAllowed)};
    if (operation) problem.detail = "items are not written here: this server was started without --write-database";
    if (context_.rooms.writes.on()) problem.allow += one ? ", PUT, PATCH, DELETE" : ", POST";
    return ProblemReply(problem);
  }
  identity::Caller caller;
  if (auto reply = context_.authentication.Check(request, caller)) return std::move(*reply);
  const auto parameters = ParseQuery(target.query);
  if (!parameters || !parameters->empty()) return ProblemReply(BadRequest("writes take no parameters"));
  return writes_.Begin(request, *operation, caller, type, raw_key);
}

Reply Routes::Page(const FramedRequest &request, const Target &target) {
  constexpr std::string_view kPages = "/v1/pages/";
  const std::string &method = request.head.method;
  if (!IsRead(method) && method != "PUT" && method != "DELETE")
    return ProblemReply({ProblemKind::kMethodNotAllowed, {}, std::string(kPageMethods)});
  identity::Caller caller;
  if (auto reply = context_.authentication.Check(request, caller)) return std::move(*reply);
  const auto parameters = ParseQuery(target.query);
  if (!parameters) return ProblemReply(BadRequest("a '%' in the query is not followed by two hexadecimal digits"));
  if (auto problem = CheckParameters(*parameters, {})) return ProblemReply(*problem);
  return pages_.Answer(request, caller, target.path.substr(kPages.size()));
}

Reply Routes::Live(const FramedRequest &request, const authorization::Viewer &viewer, const Parameters &parameters) {
  const RequestHead &head = request.head;
  if (WantsWebSocket(head) && head.method == "GET") {
    if (!parameters.empty())
      return ProblemReply(BadRequest("a WebSocket takes no parameters: subscriptions are begun by messages"));
    Reply reply;
    reply.status = 101;
    reply.web_socket = true;
    return reply;
  }
  if (auto problem = CheckParameters(parameters, {"items", "topics", "last_event_id"})) return ProblemReply(*problem);
  const std::string *items = FindParameter(parameters, "items");
  const std::string *topics = FindParameter(parameters, "topics");
  if (items == nullptr && topics == nullptr) {
    return ProblemReply({ProblemKind::kBadRequest, "one of the parameters items and topics is needed", {}});
  }
  std::vector<live::Interest> interests;
  const auto add = [&interests](auto parsed) -> std::optional<Problem> {
    if (auto *problem = std::get_if<Problem>(&parsed)) return std::move(*problem);
    for (live::Interest &interest : std::get<std::vector<live::Interest>>(parsed))
      interests.push_back(std::move(interest));
    return std::nullopt;
  };
  if (items != nullptr) {
    if (const auto problem = add(ParseLiveItems(*items))) return ProblemReply(*problem);
  }
  if (topics != nullptr) {
    if (const auto problem = add(ParseLiveTopics(*topics))) return ProblemReply(*problem);
  }
  return Follow(request, viewer, parameters, std::move(interests));
}

Reply Routes::LiveByFilter(const FramedRequest &request, const authorization::Viewer &viewer, std::string_view type,
                           const Parameters &parameters) {
  if (WantsWebSocket(request.head))
    return ProblemReply(BadRequest("a WebSocket is opened at /v1/live, without parameters"));
  if (!IsTypeName(type)) return NotFound();
  live::Interest interest{std::string(type), std::nullopt};
  const auto not_ready = [] {
    return ProblemReply({ProblemKind::kNotReady, "the local copy cannot be followed now", {}});
  };
  if (!context_.hub.standing()) return not_ready();
  // First: who may not read the type is not told what it has.
  const auto access = context_.hub.AccessOf(interest.type);
  if (!access || !viewer.MayRead(access->rule)) return WithoutRows(read::ReadResult::Status::kUnreadable, {});
  const auto known = context_.facts.Get(reader_, interest.type, access->generation);
  if (known.status != read::ReadResult::Status::kOk) return WithoutRows(known.status, {});
  if (!known.facts->missing_identity.empty()) {
    return ProblemReply(BadRequest("items of the type " + interest.type +
                                   " cannot be followed by a filter: their changes do not say what a row was. Who "
                                   "administers the database can change that: ALTER TABLE … REPLICA IDENTITY FULL; the "
                                   "log line live_filter_refused has the statements"));
  }
  auto filter = ParseLiveFilter(known.facts, parameters);
  if (const auto *problem = std::get_if<Problem>(&filter)) return ProblemReply(*problem);
  interest.filter = context_.hub.Shared(std::get<std::shared_ptr<const matching::Filter>>(std::move(filter)));
  return Follow(request, viewer, parameters, {std::move(interest)});
}

Reply Routes::Follow(const FramedRequest &request, const authorization::Viewer &viewer, const Parameters &parameters,
                     std::vector<live::Interest> interests) {
  if (request.head.method == "HEAD") return MomentReply("text/event-stream", {});
  std::optional<std::string> last_event_id;
  if (const std::string *parameter = FindParameter(parameters, "last_event_id")) last_event_id = *parameter;
  // The field is what a browser adds when it reconnects: newer than what stands in its URL.
  if (const auto field = request.head.Find("Last-Event-ID")) last_event_id = std::string(*field);
  auto ticket =
      context_.limits.TakeLive(request.address, viewer.caller() ? viewer.caller()->subject_hash : std::string());
  if (!ticket) {
    constexpr int kSeconds = 5;
    return ProblemReply(TooManyRequests("there are as many live subscriptions as one may have; end some", kSeconds));
  }
  auto subscription = subscribe_.Run(std::move(interests), viewer, last_event_id);
  switch (subscription.status) {
  case live::Subscription::Status::kNotReady:
    return ProblemReply({ProblemKind::kNotReady, "the local copy cannot be followed now", {}});
  case live::Subscription::Status::kUnreadable: return WithoutRows(read::ReadResult::Status::kUnreadable, {});
  case live::Subscription::Status::kSubscribed: break;
  }
  Reply reply;
  reply.live = std::move(subscription.subscriber);
  reply.live->Hold(std::move(*ticket));
  return reply;
}

Reply Routes::OpenApi(const RequestHead &head, const authorization::Viewer &viewer) const {
  const Descriptions::All types = context_.descriptions.Get();
  if (!types)
    return ProblemReply({ProblemKind::kDatabaseUnavailable, "the database has not said yet which types there are", {}});
  return Content(head, OpenApiDocument(*types, viewer, context_.rooms.writes.on()), {true, {}});
}

Reply Routes::Readiness() const {
  const bool redis = !context_.backends.redis_outage.ongoing();
  const bool copy = context_.hub.standing().has_value();
  std::vector<std::pair<std::string, bool>> parts = {
      {"redis", redis}, {"local_copy", copy}, {"database", !context_.backends.database_outage.ongoing()}};
  // What else runs in this process; without it what is held can still be served.
  const auto others = context_.backends.services.readiness.Snapshot();
  parts.insert(parts.end(), others.begin(), others.end());
  return ReadinessReply(redis && copy, parts);
}

Reply Routes::MetricsText() const { return MetricsReply(context_.backends.services); }

} // namespace itemize::sidecar::http
