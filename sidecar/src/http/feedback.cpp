#include "http/feedback.hpp"

#include "http/content.hpp"
#include "http/content_coding.hpp"
#include "http/entity_tag.hpp"
#include "http/min_position.hpp"
#include "identity/strict_json.hpp"
#include "itemize/key_text.hpp"

#include <algorithm>
#include <unordered_set>

namespace itemize::sidecar::http {

namespace {

using Status = read::ReadResult::Status;

/// Asked of the copy at once, as of many items: rows may be large.
constexpr std::size_t kAtOnce = 64;

prometheus::Counter &CountOf(Metrics &metrics, const char *result) {
  return metrics.Counter("itemize_feedback_items_total", "Items that clients sent the entity tags of",
                         {{"result", result}});
}

/// Lists of one kind: `"TYPE":…,"TYPE":…`, each type's in brackets of their own.
class ByType {
public:
  explicit ByType(std::string_view brackets) : brackets_(brackets) {}

  void Add(const std::string &type, std::string_view entry) {
    if (type != type_) {
      Close();
      text_ += (text_.empty() ? "\"" : ",\"") + type + "\":" + brackets_[0];
      type_ = type;
      first_ = true;
    }
    if (!first_) text_ += ',';
    first_ = false;
    text_ += entry;
  }

  /// The object of them all.
  std::string Take() {
    Close();
    return '{' + text_ + '}';
  }
  [[nodiscard]] bool empty() const { return text_.empty(); }

private:
  void Close() {
    if (!type_.empty()) text_ += brackets_[1];
    type_.clear();
  }

  std::string_view brackets_;
  std::string text_;
  std::string type_;
  bool first_ = true;
};

std::string Quote(std::string_view key) { return '"' + std::string(key) + '"'; }

} // namespace

struct Feedback::Told {
  ByType changed{"{}"};
  ByType gone{"[]"};
  ByType hidden{"[]"};
  ByType problems{"{}"};
  ByType rest{"[]"};
  std::size_t bytes = 0;
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

std::variant<std::map<std::string, HeldByClient>, Problem> ParseFeedback(std::string_view body) {
  const auto parsed = identity::ParseStrictObject(body);
  if (!parsed || parsed->size() != 1 || !parsed->contains("items") || !(*parsed)["items"].is_object())
    return BadRequest(R"(the body must be {"items":{TYPE:{KEY:ETAG,…},…}} as JSON, with no member twice)");
  std::map<std::string, HeldByClient> asked;
  std::size_t count = 0;
  for (const auto &[type, tags] : (*parsed)["items"].items()) {
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

Feedback::Feedback(read::ItemReader &reader, WaitingRooms &rooms, Metrics &metrics)
    : reader_(reader), rooms_(rooms), changed_(CountOf(metrics, "changed")), gone_(CountOf(metrics, "gone")),
      hidden_(CountOf(metrics, "hidden")), same_(CountOf(metrics, "unchanged")) {}

Status Feedback::Tell(const std::string &type, const HeldByClient &held, const read::ReadDemand &demand, Told &told) {
  for (std::size_t from = 0; from < held.size(); from += kAtOnce) {
    const std::size_t to = std::min(held.size(), from + kAtOnce);
    if (told.bytes > read::kMaxAnswerBytes) {
      for (std::size_t i = from; i < held.size(); ++i)
        told.rest.Add(type, Quote(held[i].first));
      return Status::kOk;
    }
    std::vector<std::string> keys;
    for (std::size_t i = from; i < to; ++i)
      keys.push_back(held[i].first);
    const auto read = reader_.Read(type, keys, demand);
    if (read.status == Status::kUnreadable) {
      for (std::size_t i = from; i < held.size(); ++i)
        told.hidden.Add(type, Quote(held[i].first));
      hidden_.Increment(static_cast<double>(held.size() - from));
      return Status::kOk;
    }
    if (!told.asked || !read.position) told.position = read.position;
    if (read.status != Status::kOk) return read.status;
    told.asked = true;
    told.without_redis = told.without_redis || read.without_redis;
    told.stale = told.stale || read.stale;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (std::binary_search(read.unencodable.begin(), read.unencodable.end(), i)) {
        told.problems.Add(type, Quote(keys[i]) + ':' + ItemProblem(Status::kUnencodable));
        continue;
      }
      if (!read.rows[i]) {
        told.gone.Add(type, Quote(keys[i]));
        gone_.Increment();
        continue;
      }
      const std::string tag = EntityTag(*read.rows[i]);
      if (OpaqueTag(tag) == held[from + i].second) {
        same_.Increment();
        continue;
      }
      told.changed.Add(type, Quote(keys[i]) + R"(:{"etag":)" + tag + R"(,"item":)" + *read.rows[i] + '}');
      told.bytes += read.rows[i]->size();
      changed_.Increment();
    }
  }
  return Status::kOk;
}

Reply Feedback::Answer(const FramedRequest &request, const authorization::Viewer &viewer) {
  auto asked = ParseFeedback(request.body);
  if (auto *problem = std::get_if<Problem>(&asked)) return ProblemReply(*problem);
  auto parsed = ParseDemand(request.head, viewer);
  if (auto *problem = std::get_if<Problem>(&parsed)) return ProblemReply(*problem);
  auto &demand = std::get<read::ReadDemand>(parsed);
  demand.may_await_position = !request.parked;
  Told told;
  for (const auto &[type, held] : std::get<std::map<std::string, HeldByClient>>(asked)) {
    const Status status = Tell(type, held, demand, told);
    if (status == Status::kAwaitPosition) {
      Reply reply;
      const auto deadline = read::PositionWatch::Clock::now() + demand.wait;
      reply.park = [this, wanted = *demand.at_least, deadline](read::Wake wake) {
        rooms_.positions.Await(wanted, deadline, std::move(wake));
      };
      return reply;
    }
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
