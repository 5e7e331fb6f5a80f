#include "http/items.hpp"

#include "http/content.hpp"
#include "http/entity_tag.hpp"
#include "http/key_list.hpp"
#include "http/min_position.hpp"
#include "itemize/key_text.hpp"
#include "itemize/read_rule.hpp"

#include <algorithm>
#include <variant>

namespace itemize::sidecar::http {

namespace {

using Status = read::ReadResult::Status;

std::optional<std::size_t> ParseLimit(const std::string &text) {
  const auto limit = ParseUint64(text);
  if (!limit || *limit < 1 || *limit > kMaxPageItems) return std::nullopt;
  return static_cast<std::size_t>(*limit);
}

} // namespace

std::optional<Problem> CheckParameters(const Parameters &parameters, std::initializer_list<std::string_view> known) {
  for (auto at = parameters.begin(); at != parameters.end(); ++at) {
    const std::string shown = Quoted(at->first);
    if (std::find(known.begin(), known.end(), at->first) == known.end()) {
      return Problem{ProblemKind::kUnknownParameter, "there is no parameter " + shown + " here", {}};
    }
    const auto same = [&](const auto &other) { return other.first == at->first; };
    if (std::any_of(parameters.begin(), at, same)) {
      return Problem{ProblemKind::kBadRequest, "the parameter " + shown + " is given twice", {}};
    }
  }
  return std::nullopt;
}

const std::string *FindParameter(const Parameters &parameters, std::string_view name) {
  for (const auto &[key, value] : parameters) {
    if (key == name) return &value;
  }
  return nullptr;
}

Reply AwaitPosition(WaitingRooms &rooms, const read::ReadDemand &demand) {
  Reply reply;
  const auto deadline = read::PositionWatch::Clock::now() + demand.wait;
  reply.park = [&rooms, wanted = *demand.at_least, deadline](read::Wake wake) {
    rooms.positions.Await(wanted, deadline, std::move(wake));
  };
  return reply;
}

std::optional<Reply> UnlessReached(WaitingRooms &rooms, const FramedRequest &request, const read::ReadDemand &demand,
                                   const Position &position, Lsn complete) {
  if (!demand.at_least) return std::nullopt;
  switch (read::ReachedBy(*demand.at_least, position, complete)) {
  case read::PositionReached::kYes: return std::nullopt;
  case read::PositionReached::kOtherEpoch: return WithoutRows(Status::kOtherEpoch, position);
  case read::PositionReached::kNotYet: break;
  }
  if (demand.wait.count() > 0 && !request.parked) return AwaitPosition(rooms, demand);
  return WithPreferenceApplied(request.head, demand, WithoutRows(Status::kNotReached, std::nullopt));
}

Reply Items::WithoutContent(Status status, const std::optional<Position> &position, const read::ReadDemand &demand,
                            const std::string &type, const std::string &key) {
  if (status == Status::kAwaitPosition) return AwaitPosition(rooms_, demand);
  if (status == Status::kAwaitFill) {
    Reply reply;
    reply.park = [this, type, key](read::Wake wake) { rooms_.fills.Add(type, key, std::move(wake)); };
    return reply;
  }
  return WithoutRows(status, position);
}

Reply Items::One(const FramedRequest &request, const authorization::Viewer &viewer, std::string_view type,
                 std::string_view raw_key) {
  if (!IsTypeName(type)) return WithoutRows(Status::kUnreadable, std::nullopt);
  auto key = CanonicalClientKey(raw_key);
  if (!key) {
    return ProblemReply({ProblemKind::kMalformedKey,
                         "a key is each key column's value percent-encoded as UTF-8, joined by ',', of at most " +
                             std::to_string(kMaxKeyTextBytes) + " bytes",
                         {}});
  }
  auto parsed = ParseDemand(request.head, viewer);
  if (auto *problem = std::get_if<Problem>(&parsed)) return ProblemReply(*problem);
  auto &demand = std::get<read::ReadDemand>(parsed);
  demand.may_await_position = demand.may_await_fill = !request.parked;
  demand.repeated = request.parked;
  const std::string name(type);
  auto read = reader_.Read(name, {*key}, demand);
  Reply reply;
  // A missing item says no more than an unreadable one: not even a position, but that which was asked for.
  if (read.status == Status::kOk && !read.rows.front())
    read.status = read.unencodable.empty() ? Status::kUnreadable : Status::kUnencodable;
  if (read.status != Status::kOk) {
    reply = WithoutContent(read.status, read.position, demand, name, *key);
    if (read.status == Status::kUnreadable && read.without_redis)
      Describe(reply, demand.at_least, read.without_redis, false);
  } else {
    reply = ContentOf(request.head, name, *key, std::move(*read.rows.front()), Keeping::By(read.rule));
    reply.headers.emplace_back("Cache-Status", CacheStatus(read));
    Describe(reply, read.position, read.without_redis, read.stale);
  }
  return WithPreferenceApplied(request.head, demand, std::move(reply));
}

Reply Items::ContentOf(const RequestHead &head, const std::string &type, const std::string &key, std::string row,
                       const Keeping &keeping) {
  const std::string tag = EntityTag(row);
  const CodedContent content(head, tag, keeping);
  if (content.not_modified()) return content.NotModified();
  const Coding coding = content.preferred();
  if (!IsCompressible(coding, row.size())) return content.Whole(Coding::kIdentity, std::move(row));
  // Compressed once, if it is kept.
  read::SharedItem kept = memory_.Find(type, key);
  if (kept && kept->entity_tag != tag) kept = nullptr;
  if (kept && kept->Knows(coding)) {
    if (const std::string *compressed = kept->Under(coding)) return content.Whole(coding, *compressed);
    return content.Whole(Coding::kIdentity, std::move(row));
  }
  std::optional<std::string> compressed = Compress(coding, row);
  Reply reply = compressed ? content.Whole(coding, *compressed) : content.Whole(Coding::kIdentity, std::move(row));
  if (kept) memory_.KeepCoded(type, key, kept, coding, std::move(compressed));
  return reply;
}

Reply Items::Collection(const FramedRequest &request, const authorization::Viewer &viewer, std::string_view type,
                        const Parameters &parameters) {
  if (!IsTypeName(type)) return WithoutRows(Status::kUnreadable, std::nullopt);
  const std::string name(type);
  const std::string *list = FindParameter(parameters, "key");
  if (list != nullptr) {
    if (auto problem = CheckParameters(parameters, {"key"})) return ProblemReply(*problem);
  } else if (auto problem = CheckParameters(parameters, {"limit", "after"})) {
    return ProblemReply(*problem);
  }
  auto parsed = ParseDemand(request.head, viewer);
  if (auto *problem = std::get_if<Problem>(&parsed)) return ProblemReply(*problem);
  auto &demand = std::get<read::ReadDemand>(parsed);
  // Of many keys there is one question to the database anyway: no need to wait for a fill.
  demand.may_await_position = !request.parked;
  demand.may_leave_out = list != nullptr;
  Reply reply =
      list != nullptr ? Many(request.head, demand, name, *list) : Page(request.head, demand, name, parameters);
  return WithPreferenceApplied(request.head, demand, std::move(reply));
}

Reply Items::Many(const RequestHead &head, const read::ReadDemand &demand, const std::string &type,
                  const std::string &list) {
  auto parsed = ParseKeyList(list);
  if (auto *problem = std::get_if<Problem>(&parsed)) return ProblemReply(*problem);
  const auto &keys = std::get<std::vector<std::string>>(parsed);
  const auto read = reader_.ReadSome(type, keys, demand);
  if (read.status != Status::kOk) return WithoutContent(read.status, read.position, demand);
  std::string items;
  std::string missing;
  std::string problems;
  const auto is_in = [](const std::vector<std::size_t> &places, std::size_t place) {
    return std::binary_search(places.begin(), places.end(), place);
  };
  for (std::size_t i = 0; i < read.rows.size(); ++i) {
    const bool contended = is_in(read.contended, i);
    if (contended || is_in(read.unencodable, i)) {
      problems += (problems.empty() ? R"(,"problems":{")" : R"(,")") + keys[i] + R"(":)" +
                  ItemProblem(contended ? Status::kContended : Status::kUnencodable);
      continue;
    }
    // Canonical key texts hold nothing that JSON escapes.
    std::string &to = read.rows[i] ? items : missing;
    if (!to.empty()) to.push_back(',');
    to += '"' + keys[i] + '"';
    if (read.rows[i]) to += ':' + *read.rows[i];
  }
  if (!problems.empty()) problems.push_back('}');
  std::string rest;
  for (std::size_t i = read.rows.size(); i < keys.size(); ++i)
    rest += (rest.empty() ? R"(,"rest":[")" : R"(",")") + keys[i];
  if (!rest.empty()) rest += R"("])";
  Reply reply = Content(head, R"({"items":{)" + items + R"(},"missing":[)" + missing + ']' + problems + rest + '}',
                        Keeping::By(read.rule));
  // Whether the copy holds what the caller may not see is not for him either.
  if (missing.empty() || !IsRuleOfOwners(read.rule)) reply.headers.emplace_back("Cache-Status", CacheStatus(read));
  Describe(reply, read.position, read.without_redis, read.stale);
  return reply;
}

Reply Items::Page(const RequestHead &head, const read::ReadDemand &demand, const std::string &type,
                  const Parameters &parameters) {
  std::size_t limit = kDefaultPageItems;
  if (const std::string *text = FindParameter(parameters, "limit")) {
    const auto parsed = ParseLimit(*text);
    if (!parsed) {
      return ProblemReply(
          {ProblemKind::kBadRequest, "limit must be a number from 1 to " + std::to_string(kMaxPageItems), {}});
    }
    limit = *parsed;
  }
  std::optional<std::string> after;
  if (const std::string *text = FindParameter(parameters, "after")) {
    after = CanonicalClientKey(*text);
    if (!after) return ProblemReply({ProblemKind::kMalformedKey, "after is no key text", {}});
  }
  const auto page = reader_.Page(type, limit, after, demand);
  if (page.status != Status::kOk) return WithoutContent(page.status, page.position, demand);
  std::string body = R"({"items":[)";
  bool first = true;
  for (const read::PageItem &item : page.items) {
    if (!first) body.push_back(',');
    first = false;
    body += R"({"key":")" + item.key + R"(","item":)" + item.row + '}';
  }
  body += R"(],"next":)" + (page.next ? '"' + *page.next + '"' : std::string("null")) + '}';
  Reply reply = Content(head, std::move(body), {!authorization::IsForEveryone(page.rule), {}});
  reply.headers.emplace_back("Cache-Status", kNotFromCache);
  Describe(reply, page.position, page.without_redis, false);
  return reply;
}

} // namespace itemize::sidecar::http
