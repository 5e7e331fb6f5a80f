#include "live/resume.hpp"

#include "itemize/row_members.hpp"
#include "live/current_rows.hpp"

#include <algorithm>
#include <utility>

namespace itemize::sidecar::live {

namespace {

/// Chunks of the stream read for one client. One that missed more is better off asking for everything.
constexpr int kMaxRounds = 200;

} // namespace

Replay::Replay(const std::vector<Interest> &interests, const Position &last, std::size_t limit_bytes,
               OwnedChanges owned)
    : interests_(interests), last_(last), bytes_left_(limit_bytes), owned_(std::move(owned)) {}

bool Replay::Wants(std::string_view type, std::string_view key) const {
  return std::any_of(interests_.begin(), interests_.end(), [&](const Interest &interest) {
    return interest.type == type && !interest.filter && (!interest.key || *interest.key == key);
  });
}

const matching::Filter *Replay::FilterOn(std::string_view type) const {
  const auto at = std::find_if(interests_.begin(), interests_.end(),
                               [&](const Interest &interest) { return interest.type == type && interest.filter; });
  return at == interests_.end() ? nullptr : at->filter.get();
}

bool Replay::AddFiltered(const Change &change, const matching::Filter &filter, const Position &position) {
  const auto row = matching::ReadChange(filter.facts(), filter.used(), change);
  if (!row) {
    failure_ = kFormerReason;
    return false;
  }
  const matching::Outcome outcome = filter.Judge(*row);
  return outcome == matching::Outcome::kNone ||
         Take(FilteredEvent(position, outcome, change.type, change.key, change.row));
}

bool Replay::WantsType(std::string_view type) const {
  return std::any_of(interests_.begin(), interests_.end(),
                     [&](const Interest &interest) { return interest.type == type; });
}

bool Replay::Add(const StreamEntry &entry, const RowSource &row_source) {
  auto piece = PieceReader::Open(entry.piece);
  if (!piece) return true;
  Change change;
  while (piece->Next(change)) {
    if (change.kind == LineKind::kSetAside) continue;
    const bool message = change.kind == LineKind::kMessage;
    const std::string topic = message ? kTopicMark + std::string(change.topic) : std::string();
    const Position position{last_.epoch, {piece->header().commit_lsn, change.ordinal}};
    // The id may be inside a transaction: the client has had the changes before it.
    if (position.version <= last_.version || !WantsType(message ? topic : change.type)) continue;
    if (change.kind == LineKind::kDefinition) {
      failure_ = "definition";
      return false;
    }
    SharedEvent event;
    if (message) {
      event = MessageEvent(position, change.topic, change.payload);
    } else if (change.kind == LineKind::kTruncate) {
      event = TruncateEvent(position, change.type);
    } else {
      const matching::Filter *const filter = FilterOn(change.type);
      const bool wanted = Wants(change.type, change.key);
      if (filter == nullptr && !wanted) continue;
      const OwnedChanges::For whose = owned_.Of(change);
      if (whose == OwnedChanges::For::kUnknown) {
        failure_ = "owner";
        return false;
      }
      if (whose == OwnedChanges::For::kAnother) continue;
      if (filter != nullptr && !AddFiltered(change, *filter, position)) return false;
      if (!wanted) continue;
      std::optional<std::string> completed;
      std::optional<std::string_view> row;
      if (change.kind != LineKind::kDelete) row = change.row;
      if (HasAbsentMembers(change.member_lengths)) {
        // Of now: when it is another's by then, there is none for him.
        completed = row_source(std::string(change.type), std::string(change.key)).row;
        row = completed ? std::optional<std::string_view>(*completed) : std::nullopt;
      }
      event = ItemEvent(position, OperationName(change.kind), change.type, change.key, row);
    }
    if (!Take(std::move(event))) return false;
  }
  return true;
}

bool Replay::Take(SharedEvent event) {
  if (event->text.size() > bytes_left_) {
    failure_ = "window";
    return false;
  }
  bytes_left_ -= event->text.size();
  events_.push_back(std::move(event));
  return true;
}

bool Replay::AddHealed(const std::vector<HealedItem> &items, const Position &standing, const RowSource &row_source) {
  for (const HealedItem &item : items) {
    // At the same position it may have been told before or after.
    if (item.applied < last_.version) continue;
    if (item.type.empty()) {
      failure_ = "healed";
      return false;
    }
    if (FilterOn(item.type) == nullptr && !Wants(item.type, item.key)) continue;
    if (owned_.Has(item.type) || FilterOn(item.type) != nullptr) {
      failure_ = "healed";
      return false;
    }
    const RowNow healed = row_source(item.type, item.key);
    if (!Take(HealedEvent(standing, item.type, item.key, healed.missing, healed.row))) return false;
  }
  return true;
}

Subscription Subscribe::Run(std::vector<Interest> interests, const authorization::Viewer &viewer,
                            const std::optional<std::string> &last_event_id) {
  if (!hub_.standing()) return {Subscription::Status::kNotReady, nullptr};
  if (!hub_.MayRead(interests, viewer)) return {Subscription::Status::kUnreadable, nullptr};
  auto subscriber = std::make_shared<Subscriber>(hub_, std::move(interests), viewer, hub_.options().buffer_bytes);
  if (!last_event_id || last_event_id->empty()) return Enter(subscriber, std::nullopt);
  const auto last = ParsePosition(*last_event_id);
  if (!last) return Enter(subscriber, "malformed");
  bool not_ready = false;
  const auto failure = Resume(subscriber, *last, not_ready);
  if (not_ready) return {Subscription::Status::kNotReady, nullptr};
  if (failure) return Enter(subscriber, failure);
  return {Subscription::Status::kSubscribed, subscriber};
}

Subscription Subscribe::Enter(const std::shared_ptr<Subscriber> &subscriber,
                              std::optional<std::string_view> resync_reason) {
  const bool entered = hub_.RegisterHere(subscriber, [&](const Position &position) {
    std::vector<SharedEvent> first{HelloEvent(resync_reason ? std::nullopt : std::optional(position), position)};
    if (resync_reason) first.push_back(ResyncEvent(position, *resync_reason));
    return first;
  });
  if (!entered) return {Subscription::Status::kNotReady, nullptr};
  if (resync_reason) hub_.metrics().CountResyncs(*resync_reason);
  return {Subscription::Status::kSubscribed, subscriber};
}

std::optional<std::string_view> Subscribe::Resume(const std::shared_ptr<Subscriber> &subscriber, const Position &last,
                                                  bool &not_ready) {
  const RowSource row_source = CurrentRows(reader_, subscriber->viewer());
  // A definition that changes from here on stands in the stream, where it ends the replay.
  std::unordered_map<std::string, std::string> rules;
  for (const Interest &interest : subscriber->interests())
    rules.emplace(interest.type, hub_.RuleOf(interest.type));
  Replay replay(subscriber->interests(), last, hub_.options().buffer_bytes,
                OwnedChanges(subscriber->viewer(), std::move(rules)));
  Version reached = last.version;
  std::string name_space;
  // Of what was healed: up to where it has been read, and how much of it the hub had told by then.
  std::string healed_read;
  std::optional<std::string> healed_told;
  for (int round = 0; round < kMaxRounds; ++round) {
    const auto standing = hub_.standing();
    if (!standing) {
      not_ready = true;
      return std::nullopt;
    }
    if (!hub_.MayRead(subscriber->interests(), subscriber->viewer())) {
      not_ready = true; // the rule has changed: he is told when he comes back
      return std::nullopt;
    }
    if (standing->position.epoch != last.epoch) return "epoch";
    if (name_space.empty()) name_space = standing->name_space;
    if (name_space != standing->name_space) return "reset";
    if (reached >= standing->position.version) {
      // Only when there is more than was read: under steady changes the hub moves on while it is read.
      if (healed_told != standing->healed) {
        std::vector<HealedItem> healed;
        if (!reader_.WithRedis(
                [&](RedisConnection &redis) { healed = LocalStream::Healed(redis, name_space, healed_read); })) {
          not_ready = true;
          return std::nullopt;
        }
        if (!replay.AddHealed(healed, standing->position, row_source)) return replay.failure();
        if (!healed.empty()) healed_read = healed.back().id;
        healed_told = standing->healed;
      }
      // A client that another sidecar has served may be ahead of this one.
      subscriber->SkipUpTo(last);
      std::vector<SharedEvent> first{HelloEvent(last, standing->position)};
      first.insert(first.end(), replay.events().begin(), replay.events().end());
      if (hub_.Register(subscriber, *standing, first)) return std::nullopt;
      continue;
    }
    std::vector<StreamEntry> entries;
    bool covered = false;
    const bool answered = reader_.WithRedis([&](RedisConnection &redis) {
      entries = LocalStream::Range(redis, name_space, reached, standing->position.version);
      // Looked at after reading: what is still there now was there while it was read.
      const auto state = stream_.ReadState(redis);
      covered = state && state->name_space == name_space && state->Covers(last.version);
    });
    if (!answered) {
      not_ready = true;
      return std::nullopt;
    }
    if (!covered) return "window";
    for (const StreamEntry &entry : entries) {
      if (!replay.Add(entry, row_source)) return replay.failure();
    }
    reached = entries.empty() ? standing->position.version : entries.back().id;
  }
  return "window";
}

} // namespace itemize::sidecar::live
