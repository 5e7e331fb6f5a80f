#include "http/feedback.hpp"

#include "http/by_type.hpp"
#include "http/content.hpp"
#include "http/content_coding.hpp"
#include "http/entity_tag.hpp"
#include "http/key_list.hpp"
#include "http/min_position.hpp"
#include "itemize/key_text.hpp"

#include <algorithm>
#include <chrono>
#include <unordered_set>

namespace itemize::sidecar::http {

namespace {

using Status = read::ReadResult::Status;

/// Asked of the copy at once, as of many items: rows may be large.
constexpr std::size_t kAtOnce = 64;

/// How long one request may keep a worker that fills what is not held; what is left is asked about again.
constexpr std::chrono::milliseconds kLongestWork{1000};

using Question = std::variant<std::map<std::string, HeldByClient>, SinceQuestion, Problem>;

Question ParseSince(const nlohmann::json &since, const nlohmann::json &items) {
  const auto position = since.is_string() ? ParsePosition(since.get_ref<const std::string &>()) : std::nullopt;
  if (!position)
    return BadRequest("since is no position: pass the position of an answer before, an Itemize-Position, or an event's "
                      "id, as it is");
  constexpr const char *kItems = "items must be an array of texts with since, of one at least: type/key or type/*";
  if (items.empty()) return BadRequest(kItems);
  std::vector<std::string> elements;
  for (const auto &element : items) {
    if (!element.is_string()) return BadRequest(kItems);
    elements.push_back(element.get<std::string>());
  }
  auto interests = ParseLiveItems(elements);
  if (auto *problem = std::get_if<Problem>(&interests)) return std::move(*problem);
  return SinceQuestion{*position, live::Normalized(std::get<std::vector<live::Interest>>(std::move(interests)))};
}

} // namespace

struct Feedback::Told {
  ByType changed{"{}"};
  ByType gone{"[]"};
  ByType hidden{"[]"};
  ByType problems{"{}"};
  ByType rest{"[]"};
  std::size_t bytes = 0;
  std::chrono::steady_clock::time_point until = std::chrono::steady_clock::now() + kLongestWork;
  std::optional<Position> position;
  bool asked = false;
  bool without_redis = false;
  bool stale = false;
};

std::string OpaqueTag(std::string_view tag) {
  if (tag.substr(0, 2) == "W/") tag.remove_prefix(2);
  if (tag.size() >= 2 && tag.front() == '"' && tag.back() == '"') tag = tag.substr(1, tag.size() - 2);
  for (const Coding coding : {Coding::kGzip, Coding::kBrotli}) {
    const std::string suffix = '-' + std::string(NameOf(coding));
    if (tag.size() == kOpaqueTagBytes + suffix.size() && tag.substr(kOpaqueTagBytes) == suffix)
      tag.remove_suffix(suffix.size());
  }
  return std::string(tag);
}

std::variant<std::map<std::string, HeldByClient>, Problem> ParseHeldItems(const nlohmann::json &items) {
  std::map<std::string, HeldByClient> asked;
  std::size_t count = 0;
  for (const auto &[type, tags] : items.items()) {
    if (!IsTypeName(type)) return BadRequest(Quoted(type) + " is no name of an item type");
    if (!tags.is_object()) return BadRequest("what is held of " + Quoted(type) + " must be an object of keys and tags");
    count += tags.size();
    if (count > kMaxFeedbackItems)
      return BadRequest("at most " + std::to_string(kMaxFeedbackItems) + " items can be asked about at once");
    HeldByClient &held = asked[type];
    std::unordered_set<std::string> seen;
    for (const auto &[text, tag] : tags.items()) {
      auto key = CanonicalClientKey(text);
      if (!key) return Problem{ProblemKind::kMalformedKey, Quoted(text) + " is no key text", {}};
      if (!tag.is_string() && !tag.is_null())
        return BadRequest("the tag of " + Quoted(text) + " must be a text, or null when there is none");
      if (!seen.insert(*key).second) continue;
      held.emplace_back(std::move(*key), tag.is_null() ? std::string() : OpaqueTag(tag.get<std::string>()));
    }
  }
  return asked;
}

std::variant<std::map<std::string, HeldByClient>, SinceQuestion, Problem> ParseFeedback(std::string_view body) {
  const auto parsed = identity::ParseStrictObject(body);
  const bool since = parsed && parsed->contains("since");
  if (!parsed || parsed->size() != (since ? 2 : 1) || !parsed->contains("items") ||
      !(since ? (*parsed)["items"].is_array() : (*parsed)["items"].is_object()))
    return BadRequest(
        R"(the body must be {"items":{TYPE:{KEY:ETAG,…},…}} or {"since":POSITION,"items":["TYPE/KEY",…]} )"
        "as JSON, with no member twice");
  if (since) return ParseSince((*parsed)["since"], (*parsed)["items"]);
  auto held = ParseHeldItems((*parsed)["items"]);
  if (auto *problem = std::get_if<Problem>(&held)) return std::move(*problem);
  return std::get<std::map<std::string, HeldByClient>>(std::move(held));
}

Feedback::Feedback(read::ReadBackends &backends, read::ItemReader &reader, WaitingRooms &rooms)
    : reader_(reader), rooms_(rooms), metrics_(backends.services.metrics), since_(backends, reader, rooms) {}

Status Feedback::Tell(const std::string &type, const HeldByClient &held, const read::ReadDemand &demand, Told &told) {
  for (std::size_t from = 0; from < held.size(); from += kAtOnce) {
    const std::size_t to = std::min(held.size(), from + kAtOnce);
    const bool late = told.asked && std::chrono::steady_clock::now() >= told.until;
    if (late || told.bytes > read::kMaxAnswerBytes) {
      for (std::size_t i = from; i < held.size(); ++i)
        told.rest.Add(type, InQuotes(held[i].first));
      return Status::kOk;
    }
    std::vector<std::string> keys;
    for (std::size_t i = from; i < to; ++i)
      keys.push_back(held[i].first);
    const auto read = reader_.Read(type, keys, demand);
    if (read.status == Status::kUnreadable) {
      for (std::size_t i = from; i < held.size(); ++i)
        told.hidden.Add(type, InQuotes(held[i].first));
      metrics_.hidden.Increment(static_cast<double>(held.size() - from));
      return Status::kOk;
    }
    if (!told.asked || !read.position) told.position = read.position;
    if (read.status != Status::kOk) return read.status;
    told.asked = true;
    told.without_redis = told.without_redis || read.without_redis;
    told.stale = told.stale || read.stale;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (std::binary_search(read.unencodable.begin(), read.unencodable.end(), i)) {
        told.problems.Add(type, InQuotes(keys[i]) + ':' + ItemProblem(Status::kUnencodable));
        continue;
      }
      if (std::binary_search(read.contended.begin(), read.contended.end(), i)) {
        told.rest.Add(type, InQuotes(keys[i]));
        continue;
      }
      if (!read.rows[i]) {
        told.gone.Add(type, InQuotes(keys[i]));
        metrics_.gone.Increment();
        continue;
      }
      const std::string tag = EntityTag(*read.rows[i]);
      if (OpaqueTag(tag) == held[from + i].second) {
        metrics_.same.Increment();
        continue;
      }
      told.changed.Add(type, InQuotes(keys[i]) + R"(:{"etag":)" + tag + R"(,"item":)" + *read.rows[i] + '}');
      told.bytes += read.rows[i]->size();
      metrics_.changed.Increment();
    }
  }
  return Status::kOk;
}

Reply Feedback::Answer(const FramedRequest &request, const authorization::Viewer &viewer) {
  auto asked = ParseFeedback(request.body);
  if (auto *problem = std::get_if<Problem>(&asked)) return ProblemReply(*problem);
  if (auto *since = std::get_if<SinceQuestion>(&asked)) return since_.Answer(request, viewer, *since);
  return AnswerHeld(request, viewer, std::get<std::map<std::string, HeldByClient>>(asked));
}

Reply Feedback::AnswerHeld(const FramedRequest &request, const authorization::Viewer &viewer,
                           const std::map<std::string, HeldByClient> &asked) {
  auto parsed = ParseDemand(request.head, viewer);
  if (auto *problem = std::get_if<Problem>(&parsed)) return ProblemReply(*problem);
  auto &demand = std::get<read::ReadDemand>(parsed);
  demand.may_await_position = !request.parked;
  demand.may_leave_out = true;
  Told told;
  for (const auto &[type, held] : asked) {
    const Status status = Tell(type, held, demand, told);
    if (status == Status::kAwaitPosition) return AwaitPosition(rooms_, demand);
    if (status != Status::kOk) return WithPreferenceApplied(request.head, demand, WithoutRows(status, told.position));
  }
  Reply reply;
  reply.content_type = "application/json";
  reply.body =
      R"({"changed":)" + told.changed.Take() + R"(,"gone":)" + told.gone.Take() + R"(,"hidden":)" + told.hidden.Take();
  if (!told.problems.empty()) reply.body += R"(,"problems":)" + told.problems.Take();
  if (!told.rest.empty()) reply.body += R"(,"rest":)" + told.rest.Take();
  reply.body += '}';
  reply.headers.emplace_back("Cache-Control", "no-store");
  Describe(reply, told.position, told.without_redis, told.stale);
  return WithPreferenceApplied(request.head, demand, std::move(reply));
}

} // namespace itemize::sidecar::http
