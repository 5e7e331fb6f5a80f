#include "http/kept_items.hpp"

#include "http/content.hpp"
#include "http/date.hpp"
#include "http/target.hpp"
#include "itemize/key_text.hpp"

#include <algorithm>
#include <utility>

namespace itemize::sidecar::http {

namespace {

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
    : backends_(backends), check_(loop, backends) {}

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
  const CodedContent content(request->head, item->entity_tag, {false, item->directives});
  if (!content.not_modified() && !item->Knows(content.preferred())) return false;
  return check_.Ask({std::move(type), std::move(*key), item},
                    [this, request, item, answered](const std::optional<Position> &position) {
                      if (!position) return answered(std::nullopt);
                      backends_.hits.Increment();
                      backends_.memory.CountHits(1);
                      answered(AnswerOf(request->head, *item, *position));
                    });
}

Answer KeptItems::AnswerOf(const RequestHead &head, const read::KeptItem &item, const Position &position) {
  const CodedContent content(head, item.entity_tag, {false, item.directives});
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

} // namespace itemize::sidecar::http
