#include "http/kept_items.hpp"

#include "base/scope_exit.hpp"
#include "http/content.hpp"
#include "http/date.hpp"
#include "http/target.hpp"
#include "itemize/key_text.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace itemize::sidecar::http {

namespace {

/// How late a stop may be noticed while nobody waits.
constexpr std::chrono::milliseconds kIdle{200};
/// Asked about at once: less than a millisecond of Redis.
constexpr std::size_t kMostAtOnce = 250;
/// As of a reader.
const RedisTimeouts kRedisTimeouts{std::chrono::milliseconds(1000), std::chrono::milliseconds(1500)};

struct ItemTarget {
  std::string_view type;
  std::string_view key;
};

/// Of `/v1/items/{type}/{key}`, and nothing else.
std::optional<ItemTarget> ItemOf(std::string_view target) {
  constexpr std::string_view kItems = "/v1/items/";
  if (target.substr(0, kItems.size()) != kItems) return std::nullopt;
  target.remove_prefix(kItems.size());
  const std::size_t slash = target.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const ItemTarget item{target.substr(0, slash), target.substr(slash + 1)};
  if (item.key.find_first_of("/?") != std::string_view::npos || !IsTypeName(item.type)) return std::nullopt;
  return item;
}

/// What the answer depends on besides the item, but for If-None-Match.
bool IsPlain(const FramedRequest &request) {
  const RequestHead &head = request.head;
  if ((head.method != "GET" && head.method != "HEAD") || head.http_1_0 || !request.body.empty()) return false;
  return std::none_of(head.fields.begin(), head.fields.end(), [](const HeaderField &field) {
    return EqualsIgnoringCase(field.name, "Itemize-Min-Position") || EqualsIgnoringCase(field.name, "Authorization");
  });
}

/// As the library writes it.
std::string BytesOf(const Reply &reply, bool with_body) {
  std::string bytes = reply.status == 304 ? "HTTP/1.1 304 Not Modified\r\n" : "HTTP/1.1 200 OK\r\n";
  bytes.reserve(512 + reply.body.size());
  const auto add = [&bytes](std::string_view name, std::string_view value) {
    bytes += name;
    bytes += ": ";
    bytes += value;
    bytes += "\r\n";
  };
  for (const auto &[name, value] : reply.headers)
    add(name, value);
  if (reply.status != 304) {
    add("Content-Length", std::to_string(reply.body.size()));
    add("Content-Type", reply.content_type);
  }
  add("Date", DateOfNow());
  add("X-Content-Type-Options", "nosniff");
  bytes += "\r\n";
  if (with_body) bytes += reply.body;
  return bytes;
}

} // namespace

KeptItems::KeptItems(boost::asio::io_context &loop, read::ReadBackends &backends)
    : loop_(loop), backends_(backends),
      redis_([&backends] { return std::make_unique<RedisConnection>(backends.redis_endpoint, kRedisTimeouts); }) {}

bool KeptItems::Take(const std::shared_ptr<FramedRequest> &request, const Server::Answered &answered) {
  if (!backends_.memory.enabled() || !IsPlain(*request)) return false;
  // While something is away it takes more than this to answer.
  if (backends_.redis_outage.ongoing() || backends_.database_outage.ongoing()) return false;
  const auto target = ItemOf(request->head.target);
  if (!target) return false;
  auto key = CanonicalClientKey(target->key);
  if (!key) return false;
  std::string type(target->type);
  auto item = backends_.memory.Find(type, *key);
  if (!item) return false;
  // What was never asked for compressed is compressed by a worker.
  const CodedContent content(request->head, item->entity_tag, false);
  if (!content.not_modified() && !item->Knows(content.preferred())) return false;
  bool first = false;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    first = waiters_.empty();
    waiters_.push_back({request, {std::move(type), std::move(*key), std::move(item)}, answered, std::nullopt});
  }
  if (first) changed_.notify_one();
  return true;
}

KeptItems::Waiters KeptItems::Next() {
  Waiters next;
  std::unique_lock<std::mutex> lock(mutex_);
  if (waiters_.empty()) changed_.wait_for(lock, kIdle);
  if (waiters_.size() <= kMostAtOnce) {
    next.swap(waiters_);
  } else {
    const auto end = waiters_.begin() + kMostAtOnce;
    next.assign(std::make_move_iterator(waiters_.begin()), std::make_move_iterator(end));
    waiters_.erase(waiters_.begin(), end);
  }
  return next;
}

void KeptItems::Run(const StopToken &stop) {
  while (!stop.stopped()) {
    Waiters waiters = Next();
    if (waiters.empty()) continue;
    // Whatever happens; without an answer a worker makes one. Connections belong to the loop's thread.
    const ScopeExit give([this, &waiters] {
      boost::asio::post(loop_, [given = std::move(waiters)]() mutable {
        for (Waiter &waiter : given)
          waiter.answered(std::move(waiter.answer));
      });
    });
    try {
      AnswerAll(waiters);
    } catch (const RedisError &) {
      redis_.Drop(); // the workers find out what it is, and say so
    }
  }
}

void KeptItems::AnswerAll(Waiters &waiters) {
  // Each item is asked about once, however many wait for it.
  std::vector<read::KeptQuestion> questions;
  std::unordered_map<const read::KeptItem *, std::size_t> places;
  for (const Waiter &waiter : waiters) {
    const read::KeptQuestion &question = waiter.question;
    if (backends_.shown_uncached.DueOf(question.type, {question.key})) continue;
    if (places.emplace(question.item.get(), questions.size()).second) questions.push_back(question);
  }
  if (questions.empty()) return;
  const auto floor = backends_.floor.Get();
  const read::Checked checked = backends_.local.Check(redis_.Get(), questions);
  if (!checked.position || (floor && read::PositionFloor::IsBelow(*checked.position, *floor))) return;
  backends_.floor.Raise(*checked.position);
  std::size_t hits = 0;
  for (Waiter &waiter : waiters) {
    const auto place = places.find(waiter.question.item.get());
    if (place == places.end() || checked.same[place->second] != '1') continue;
    waiter.answer = AnswerOf(waiter, *checked.position);
    ++hits;
  }
  backends_.hits.Increment(static_cast<double>(hits));
  backends_.memory.CountHits(hits);
}

Answer KeptItems::AnswerOf(const Waiter &waiter, const Position &position) {
  const RequestHead &head = waiter.request->head;
  const read::KeptItem &item = *waiter.question.item;
  const CodedContent content(head, item.entity_tag, false);
  const std::string *const compressed = item.Under(content.preferred());
  Reply reply = content.not_modified() ? content.NotModified()
                : compressed           ? content.Whole(content.preferred(), *compressed)
                                       : content.Whole(Coding::kIdentity, item.row);
  reply.headers.emplace_back("Cache-Status", kHit);
  Describe(reply, position, false, false);
  Answer answer;
  answer.bytes = BytesOf(reply, head.method != "HEAD");
  answer.keep_alive = true;
  answer.status = reply.status;
  answer.route = "item";
  return answer;
}

void KeptItems::Clear() {
  Waiters dropped;
  const std::lock_guard<std::mutex> lock(mutex_);
  dropped.swap(waiters_);
}

} // namespace itemize::sidecar::http
