#include "http/pages.hpp"

#include "http/content.hpp"
#include "http/entity_tag.hpp"
#include "http/feedback.hpp"
#include "http/min_position.hpp"
#include "http/target.hpp"
#include "identity/strict_json.hpp"

#include <algorithm>
#include <utility>

namespace itemize::sidecar::http {

namespace {

using Status = read::ReadResult::Status;

/// Asked of the copy at once, as of many items: rows may be large.
constexpr std::size_t kAtOnce = 64;
constexpr std::size_t kMaxContentTypeBytes = 200;

prometheus::Counter &CountOf(Metrics &metrics, const char *result) {
  return metrics.Counter("itemize_pages_total", "Rendered pages asked for and put", {{"result", result}});
}

Reply NotReady() { return ProblemReply({ProblemKind::kNotReady, "the local copy cannot be used now", {}}); }

/// `type/subtype`, perhaps with parameters, of visible ASCII.
bool IsContentType(std::string_view text) {
  const std::size_t slash = text.find('/');
  return slash != std::string_view::npos && slash > 0 && slash + 1 < text.size() &&
         text.size() <= kMaxContentTypeBytes && text.back() != ' ' &&
         std::all_of(text.begin(), text.end(), [](char letter) { return letter >= ' ' && letter <= '~'; });
}

/// Of an item, for a detail.
std::string NameOf(const std::string &type, const std::string &key) { return Quoted(type + '/' + key); }

/// Whether everything that the page was made of may be seen.
bool MaySeeAll(const authorization::Viewer &viewer, const read::FoundPage &found) {
  return std::all_of(found.rules.begin(), found.rules.end(),
                     [&](const std::string &rule) { return viewer.MayRead(rule); }) &&
         std::all_of(found.owned.begin(), found.owned.end(),
                     [&](const auto &item) { return viewer.MaySee(item.first, item.second); });
}

/// One answer for an item that has changed, that is gone, and that the renderer may not read.
Problem Conflict(const std::string &type, const std::string &key) {
  return {ProblemKind::kConflict,
          "the item " + NameOf(type, key) +
              " is not what the page was made of: read the items anew, and render it again",
          {}};
}

} // namespace

bool IsPagePath(std::string_view path) {
  if (path.empty() || path.size() > kMaxPagePathBytes) return false;
  const std::string rooted = '/' + std::string(path);
  const auto segments = PathSegments(rooted);
  return std::none_of(segments.begin(), segments.end(),
                      [](std::string_view segment) { return segment.empty() || segment == "." || segment == ".."; });
}

std::variant<RenderedPage, Problem> ParseRenderedPage(std::string_view body) {
  const auto parsed = identity::ParseStrictObject(body);
  const auto is_text = [&](const char *name) { return parsed->contains(name) && (*parsed)[name].is_string(); };
  if (!parsed || parsed->size() != 3 || !is_text("content_type") || !is_text("body") || !parsed->contains("items") ||
      !(*parsed)["items"].is_object())
    return BadRequest(R"(the body must be {"content_type":…,"body":…,"items":{TYPE:{KEY:ETAG,…},…}} as JSON, with no )"
                      "member twice");
  auto held = ParseHeldItems((*parsed)["items"]);
  if (auto *problem = std::get_if<Problem>(&held)) return std::move(*problem);
  RenderedPage rendered;
  for (auto &[type, items] : std::get<std::map<std::string, HeldByClient>>(held)) {
    for (auto &[key, tag] : items) {
      if (tag.empty()) return BadRequest("the item " + NameOf(type, key) + " needs the ETag that came with it");
      rendered.items.emplace_back(type, std::move(key));
      rendered.tags.push_back(std::move(tag));
    }
  }
  if (rendered.items.empty() || rendered.items.size() > kMaxItemsOfPage)
    return BadRequest("a page is made of 1 to " + std::to_string(kMaxItemsOfPage) + " items");
  rendered.page.content_type = (*parsed)["content_type"].get<std::string>();
  if (!IsContentType(rendered.page.content_type))
    return BadRequest("content_type must be a media type, such as text/html; charset=utf-8");
  rendered.page.body = (*parsed)["body"].get<std::string>();
  rendered.page.entity_tag = EntityTag(rendered.page.body);
  return rendered;
}

Pages::Pages(read::ReadBackends &backends, read::ItemReader &reader, WaitingRooms &rooms)
    : backends_(backends), reader_(reader), rooms_(rooms), pages_(backends.options),
      hits_(CountOf(backends.services.metrics, "hit")), misses_(CountOf(backends.services.metrics, "miss")),
      stored_(CountOf(backends.services.metrics, "stored")), refused_(CountOf(backends.services.metrics, "refused")) {}

Reply Pages::Answer(const FramedRequest &request, const identity::Caller &caller, std::string_view path) {
  if (!IsPagePath(path)) return ProblemReply({ProblemKind::kNotFound, {}, {}});
  const std::string name(path);
  const std::string &method = request.head.method;
  const authorization::Viewer viewer(caller);
  if (method == "GET" || method == "HEAD") return Get(request, viewer, name);
  if (!caller || !caller->HasRole(backends_.options.page_role))
    return ProblemReply({ProblemKind::kForbidden, "pages are put and removed with the role of --page-role", {}});
  try {
    return method == "PUT" ? Put(request, viewer, name) : Remove(name);
  } catch (const RedisReplyError &error) {
    if (!error.Is("OOM")) throw;
    return ProblemReply({ProblemKind::kOverloaded, "the local Redis has no memory left for pages", {}});
  }
}

std::optional<read::FoundPage> Pages::Find(const std::string &path) {
  const auto floor = backends_.floor.Get();
  std::optional<read::FoundPage> found;
  if (!reader_.WithRedis([&](RedisConnection &redis) { found = pages_.Find(redis, path); })) return std::nullopt;
  if (!found || !found->current || (floor && read::PositionFloor::IsBelow(found->position, *floor)))
    return std::nullopt;
  backends_.floor.Raise(found->position);
  return found;
}

Reply Pages::Get(const FramedRequest &request, const authorization::Viewer &viewer, const std::string &path) {
  auto parsed = ParseDemand(request.head, viewer);
  if (auto *problem = std::get_if<Problem>(&parsed)) return ProblemReply(*problem);
  const auto &demand = std::get<read::ReadDemand>(parsed);
  auto found = Find(path);
  if (!found) return NotReady();
  // Items that were shown newer while Redis was away: reading them here makes the copy forget what it holds.
  const auto due = [this](const auto &of_type) {
    return backends_.shown_uncached.DueOf(of_type.first, of_type.second).has_value();
  };
  if (std::any_of(found->items.begin(), found->items.end(), due)) {
    for (const auto &[type, keys] : found->items)
      (void)reader_.Read(type, keys, demand);
    found = Find(path);
    if (!found) return NotReady();
  }
  if (auto instead = UnlessReached(rooms_, request, demand, found->position, found->complete))
    return std::move(*instead);
  if (!found->page || !MaySeeAll(viewer, *found)) {
    misses_.Increment();
    return WithoutRows(Status::kUnreadable, std::nullopt);
  }
  hits_.Increment();
  const bool restricted = !std::all_of(found->rules.begin(), found->rules.end(),
                                       [](const std::string &rule) { return authorization::IsForEveryone(rule); });
  Reply reply = Content(request.head, std::move(found->page->body), {restricted, {}});
  if (reply.status != 304) reply.content_type = found->page->content_type;
  reply.headers.emplace_back("Cache-Status", kHit);
  Describe(reply, found->position, false, backends_.database_outage.ongoing());
  return WithPreferenceApplied(request.head, demand, std::move(reply));
}

std::optional<Reply> Pages::Hold(const RenderedPage &made, const read::ReadDemand &demand) {
  const std::vector<read::PageItemName> &items = made.items;
  std::size_t from = 0;
  while (from < items.size()) {
    const std::string &type = items[from].first;
    std::vector<std::string> keys;
    while (from < items.size() && items[from].first == type && keys.size() < kAtOnce)
      keys.push_back(items[from++].second);
    const auto read = reader_.Read(type, keys, demand);
    if (read.status == Status::kAwaitPosition) return AwaitPosition(rooms_, demand);
    if (read.status == Status::kUnreadable) return Refuse(Conflict(type, keys.front()));
    if (read.status != Status::kOk) return WithoutRows(read.status, read.position);
    if (read.without_redis) return NotReady();
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (!read.rows[i] || OpaqueTag(EntityTag(*read.rows[i])) != made.tags[from - keys.size() + i])
        return Refuse(Conflict(type, keys[i]));
    }
  }
  return std::nullopt;
}

Reply Pages::Put(const FramedRequest &request, const authorization::Viewer &viewer, const std::string &path) {
  auto rendered = ParseRenderedPage(request.body);
  if (auto *problem = std::get_if<Problem>(&rendered)) return ProblemReply(*problem);
  const auto &made = std::get<RenderedPage>(rendered);
  const std::vector<read::PageItemName> &items = made.items;
  auto parsed = ParseDemand(request.head, viewer);
  if (auto *problem = std::get_if<Problem>(&parsed)) return ProblemReply(*problem);
  auto &demand = std::get<read::ReadDemand>(parsed);
  demand.may_await_position = !request.parked;
  if (auto instead = Hold(made, demand)) return std::move(*instead);
  const auto floor = backends_.floor.Get();
  std::optional<read::StampedRows> stamped;
  const bool answered = reader_.WithRedis([&](RedisConnection &redis) { stamped = pages_.Stamp(redis, items); });
  if (!answered || !stamped || !stamped->current || (floor && read::PositionFloor::IsBelow(stamped->position, *floor)))
    return NotReady();
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (stamped->rows[i] && OpaqueTag(EntityTag(stamped->rows[i]->row)) == made.tags[i]) continue;
    return Refuse(Conflict(items[i].first, items[i].second));
  }
  bool put = false;
  if (!reader_.WithRedis([&](RedisConnection &redis) { put = pages_.Put(redis, path, made.page, items, *stamped); }))
    return NotReady();
  if (!put) return Refuse({ProblemKind::kConflict, "an item of the page has changed just now: render it again", {}});
  stored_.Increment();
  Reply reply;
  reply.status = 204;
  reply.headers.emplace_back("ETag", made.page.entity_tag);
  return reply;
}

Reply Pages::Refuse(const Problem &problem) {
  refused_.Increment();
  return ProblemReply(problem);
}

Reply Pages::Remove(const std::string &path) {
  if (!reader_.WithRedis([&](RedisConnection &redis) { pages_.Remove(redis, path); })) return NotReady();
  Reply reply;
  reply.status = 204;
  return reply;
}

} // namespace itemize::sidecar::http
