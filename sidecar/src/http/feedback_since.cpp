#include "http/feedback_since.hpp"

#include "http/by_type.hpp"
#include "http/content.hpp"
#include "http/entity_tag.hpp"
#include "http/min_position.hpp"
#include "itemize/read_rule.hpp"

#include <algorithm>
#include <utility>

namespace itemize::sidecar::http {

namespace {

using Status = read::ReadResult::Status;

/// Chunks of the stream read for one answer, of about 1 MB each; who missed more asks on from there.
constexpr int kMostChunks = 32;
/// Asked of the copy at once, as of many items: rows may be large.
constexpr std::size_t kAtOnce = 64;

Reply NotReady() { return ProblemReply({ProblemKind::kNotReady, "the local copy cannot be followed now", {}}); }

bool MayRead(const live::TypeAccesses &types, const std::string &type, const authorization::Viewer &viewer) {
  const auto access = types.find(type);
  return access != types.end() && viewer.MayRead(access->second.rule);
}

} // namespace

struct FeedbackSince::Window {
  /// Where the answer ends, and the rules there.
  live::LocalState state;
  /// Every transaction up to here is applied whole.
  Lsn complete = 0;
  /// The rules of after the last look at the stream.
  live::TypeAccesses types_now;
  Version reached;
  bool more = false;
};

struct FeedbackSince::Told {
  ByType appeared{"{}"};
  ByType changed{"{}"};
  ByType gone{"[]"};
  ByType hidden{"[]"};
  ByType problems{"{}"};
  ByType rest{"[]"};
  std::size_t bytes = 0;
};

FeedbackSince::FeedbackSince(read::ReadBackends &backends, read::ItemReader &reader, WaitingRooms &rooms)
    : backends_(backends), reader_(reader), rooms_(rooms), metrics_(backends.services.metrics),
      stream_(backends.options.prefix) {}

bool FeedbackSince::Look(Window &window) {
  const auto floor = backends_.floor.Get();
  std::optional<read::LocalRead> read;
  std::optional<live::LocalState> state;
  const bool answered = reader_.WithRedis([&](RedisConnection &redis) {
    read = backends_.local.ReadPosition(redis);
    state = stream_.ReadState(redis);
  });
  // Begun anew in between, it may not have come to the end of the stream.
  if (!answered || !read || !state || state->position.epoch != read->position->epoch) return false;
  if (floor && read::PositionFloor::IsBelow(state->position, *floor)) return false;
  backends_.floor.Raise(state->position);
  window.complete = read->complete;
  window.types_now = state->types;
  window.state = std::move(*state);
  return true;
}

bool FeedbackSince::Collect(const Position &since, Window &window, live::ChangesSince &changes) {
  const live::LocalState &state = window.state;
  window.reached = state.position.version;
  if (since.epoch != state.position.epoch) {
    changes.ResyncAll("epoch");
    return true;
  }
  // Nor is a client taken back that another sidecar has served.
  window.reached = std::max(since.version, window.reached);
  Version after = since.version;
  for (int chunk = 0; after < state.position.version; ++chunk) {
    std::vector<live::StreamEntry> entries;
    std::optional<live::LocalState> now;
    if (!reader_.WithRedis([&](RedisConnection &redis) {
          entries = live::LocalStream::Range(redis, state.name_space, after, state.position.version);
          // Looked at after reading: what is still there now was there while it was read.
          now = stream_.ReadState(redis);
        }) ||
        !now || now->name_space != state.name_space)
      return false;
    if (!now->Covers(since.version)) {
      changes.ResyncAll("window");
      return true;
    }
    window.types_now = std::move(now->types);
    for (const live::StreamEntry &entry : entries) {
      changes.Add(entry);
      after = entry.id;
      if (changes.bytes() > read::kMaxAnswerBytes) break;
    }
    if (entries.empty()) after = state.position.version;
    if (after < state.position.version && (chunk + 1 >= kMostChunks || changes.bytes() > read::kMaxAnswerBytes)) {
      window.reached = after;
      window.more = true;
      break;
    }
  }
  std::vector<live::HealedItem> healed;
  if (!reader_.WithRedis([&](RedisConnection &redis) { healed = live::LocalStream::Healed(redis, state.name_space); }))
    return false;
  changes.AddHealed(healed);
  return true;
}

void FeedbackSince::ReadRows(const std::string &type, live::ChangesSince::Items &items,
                             const authorization::Viewer &viewer, Told &told) {
  read::ReadDemand demand;
  demand.viewer = viewer;
  std::vector<std::string> unread;
  for (const auto &[key, item] : items) {
    if (item.exists && item.row.empty()) unread.push_back(key);
  }
  for (std::size_t from = 0; from < unread.size(); from += kAtOnce) {
    const auto begin = unread.begin() + static_cast<std::ptrdiff_t>(from);
    const std::vector<std::string> keys(begin,
                                        begin + static_cast<std::ptrdiff_t>(std::min(kAtOnce, unread.size() - from)));
    read::ReadResult read;
    read.status = Status::kContended;
    if (told.bytes <= read::kMaxAnswerBytes) read = reader_.Read(type, keys, demand);
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const auto item = items.find(keys[i]);
      const bool unencodable = std::binary_search(read.unencodable.begin(), read.unencodable.end(), i);
      if (read.status == Status::kOk && !unencodable && read.rows[i]) {
        told.bytes += read.rows[i]->size();
        item->second.row = std::move(*read.rows[i]);
        continue;
      }
      if (read.status == Status::kOk && !unencodable) {
        item->second.exists = false;
        continue;
      }
      if (unencodable)
        told.problems.Add(type, InQuotes(keys[i]) + ':' + ItemProblem(Status::kUnencodable));
      else
        told.rest.Add(type, InQuotes(keys[i]));
      items.erase(item);
    }
  }
}

void FeedbackSince::Tell(const std::string &type, live::ChangesSince::Items &items, const authorization::Viewer &viewer,
                         Told &told) {
  ReadRows(type, items, viewer, told);
  for (const auto &[key, item] : items) {
    if (!item.exists) {
      told.gone.Add(type, InQuotes(key));
      metrics_.gone.Increment();
      continue;
    }
    (item.existed ? metrics_.changed : metrics_.appeared).Increment();
    (item.existed ? told.changed : told.appeared)
        .Add(type, InQuotes(key) + R"(:{"etag":)" + EntityTag(item.row) + R"(,"item":)" + item.row + '}');
  }
}

Reply FeedbackSince::Answer(const FramedRequest &request, const authorization::Viewer &viewer,
                            const SinceQuestion &question) {
  auto parsed = ParseDemand(request.head, viewer);
  if (auto *problem = std::get_if<Problem>(&parsed)) return ProblemReply(*problem);
  const auto &demand = std::get<read::ReadDemand>(parsed);
  Window window;
  if (!Look(window)) return NotReady();
  const Position &position = window.state.position;
  // A client that another cluster has served may know of an epoch that this one has not come to.
  const Epoch &known = question.since.epoch;
  if (known.system_identifier == position.epoch.system_identifier &&
      known.slot_generation > position.epoch.slot_generation)
    return ProblemReply({ProblemKind::kPositionNotReached, "this cluster has not come to the epoch of since yet", {}});
  if (auto instead = UnlessReached(rooms_, request, demand, position, window.complete)) return std::move(*instead);
  std::unordered_map<std::string, std::string> rules;
  for (const auto &[type, access] : window.state.types)
    rules.emplace(type, access.rule);
  live::ChangesSince changes(question.interests, question.since.version, live::OwnedChanges(viewer, std::move(rules)));
  std::map<std::string, std::vector<std::string>> asked;
  for (const live::Interest &interest : question.interests)
    asked[interest.type].push_back(interest.key.value_or("*"));
  for (const auto &[type, keys] : asked) {
    if (!MayRead(window.state.types, type, viewer)) changes.Drop(type);
  }
  if (!Collect(question.since, window, changes)) return NotReady();
  Told told;
  for (const auto &[type, keys] : asked) {
    // A rule may have become another one meanwhile; and what was told under the first one is not for the second.
    if (MayRead(window.state.types, type, viewer) && MayRead(window.types_now, type, viewer)) {
      const std::string &now = window.types_now.at(type).rule;
      if (IsRuleOfOwners(now) && now != window.state.types.at(type).rule) changes.Resync(type, "definition");
      continue;
    }
    for (const std::string &key : keys)
      told.hidden.Add(type, InQuotes(key));
    metrics_.hidden.Increment(static_cast<double>(keys.size()));
    changes.Drop(type);
  }
  for (const auto &[type, reason] : changes.resyncs())
    metrics_.CountResync(reason);
  for (auto &[type, items] : changes.items())
    Tell(type, items, viewer, told);
  return WithPreferenceApplied(request.head, demand, BodyOf(window, changes, told));
}

Reply FeedbackSince::BodyOf(const Window &window, const live::ChangesSince &changes, Told &told) {
  const Position reached{window.state.position.epoch, window.reached};
  std::string resync;
  for (const auto &[type, reason] : changes.resyncs())
    resync.append(resync.empty() ? "\"" : ",\"").append(type).append(R"(":")").append(reason).append("\"");
  Reply reply;
  reply.content_type = "application/json";
  reply.body = R"({"position":")" + FormatPosition(reached) + R"(","new":)" + told.appeared.Take() + R"(,"changed":)" +
               told.changed.Take() + R"(,"gone":)" + told.gone.Take() + R"(,"hidden":)" + told.hidden.Take();
  if (!resync.empty()) reply.body += R"(,"resync":{)" + resync + '}';
  if (!told.problems.empty()) reply.body += R"(,"problems":)" + told.problems.Take();
  if (!told.rest.empty()) reply.body += R"(,"rest":)" + told.rest.Take();
  if (window.more) reply.body += R"(,"more":true)";
  reply.body += '}';
  reply.headers.emplace_back("Cache-Control", "no-store");
  Describe(reply, reached, false, backends_.database_outage.ongoing());
  return reply;
}

} // namespace itemize::sidecar::http
