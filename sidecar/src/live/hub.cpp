#include "live/hub.hpp"

#include "itemize/read_rule.hpp"
#include "itemize/row_members.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <cstdint>
#include <utility>

namespace itemize::sidecar::live {

namespace asio = boost::asio;

namespace {

constexpr std::string_view kHealedReason = "healed";
constexpr std::string_view kOwnerReason = "owner";
constexpr std::string_view kDefinitionReason = "definition";
/// How late the end of a token, or of a caller's right to be here, may be noticed.
constexpr std::chrono::milliseconds kExpiryInterval{250};

bool IsFiltered(const Subscriber &subscriber, std::string_view type) {
  const auto &interests = subscriber.interests();
  return std::any_of(interests.begin(), interests.end(),
                     [&](const Interest &interest) { return interest.filter && interest.type == type; });
}

} // namespace

LiveMetrics::LiveMetrics(Metrics &metrics)
    : all(metrics), connections(metrics.Gauge("itemize_live_connections", "Live clients connected")),
      waiting(metrics.Gauge("itemize_live_waiting_bytes", "Bytes of events that wait until live clients take them")),
      sent(metrics.Counter("itemize_live_events_sent_total", "Events sent to live clients")),
      conflated(metrics.Counter("itemize_live_events_conflated_total",
                                "Events dropped because a newer version of their item was waiting")),
      evicted(metrics.Counter("itemize_live_evictions_total", "Live clients closed for being too slow")),
      lag(metrics.Histogram("itemize_live_delivery_lag_seconds",
                            "Commit to the client's socket, of events as they happen",
                            {0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0})) {
  // So that the first one is a rise.
  for (const std::string_view reason :
       {kDefinitionReason, std::string_view("epoch"), std::string_view("reset"), std::string_view("window"),
        kHealedReason, kOwnerReason, kFormerReason, std::string_view("malformed"), std::string_view("slow")})
    CountResyncs(reason, 0);
}

void LiveMetrics::CountResyncs(std::string_view reason, std::size_t clients) {
  all.Counter("itemize_live_resyncs_total", "Times a live client was told to ask for everything again",
              {{"reason", std::string(reason)}})
      .Increment(static_cast<double>(clients));
}

Hub::Hub(asio::io_context &loop, const HubOptions &options, Services &services)
    : loop_(loop), options_(options), metrics_(services.metrics), keepalive_(loop), expiry_(loop) {}

Hub::~Hub() { CloseAll(); }

// ---------------------------------------------------------------------------------- the feed's thread

void Hub::Reset(LocalState state, std::string_view reason) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const Position position = state.position;
  standing_ = Standing{std::move(state.name_space), position, {}};
  types_ = std::move(state.types);
  Receivers everyone = Everyone();
  metrics_.CountResyncs(reason, everyone.size());
  if (!everyone.empty()) Send(std::move(everyone), ResyncEvent(position, reason), position);
  for (const std::string &type : index_.FilteredTypes())
    EndFiltered(type, kDefinitionReason, position);
  MoveTo(position);
}

void Hub::Suspend() {
  const std::lock_guard<std::mutex> lock(mutex_);
  standing_.reset();
}

void Hub::Publish(const StreamEntry &entry, const RowUnderRule &row_source) {
  const auto completed = CompleteRows(entry, row_source);
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!standing_) return;
  if (auto piece = PieceReader::Open(entry.piece)) {
    Change change;
    while (piece->Next(change))
      PublishChange(change, piece->header(), completed);
  }
  standing_->position.version = entry.id;
  MoveTo(standing_->position);
}

void Hub::TellHealed(const HealedItem &item, const RowUnderRule &row_source) {
  std::optional<std::string> rule;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (IsReadable(item.type) && !index_.Find(item.type, item.key).empty()) rule = types_.at(item.type).rule;
  }
  RowNow healed;
  // Only the feed, whose thread this is, changes rules.
  if (rule) healed = row_source(item.type, item.key, *rule);
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!standing_) return;
  standing_->healed = item.id;
  const Position &position = standing_->position;
  if (item.type.empty()) {
    Receivers everyone = Everyone();
    metrics_.CountResyncs(kHealedReason, everyone.size());
    if (!everyone.empty()) Send(std::move(everyone), ResyncEvent(position, kHealedReason), position);
    return;
  }
  const auto access = types_.find(item.type);
  if (access == types_.end()) return;
  // Nor by which filters it had been shown.
  if (auto filtered = Admitted(index_.FindFiltered(item.type), access->second.rule); !filtered.empty()) {
    metrics_.CountResyncs(kHealedReason, filtered.size());
    Send(std::move(filtered), ResyncEvent(position, kHealedReason, item.type), position);
  }
  auto receivers = Admitted(index_.Find(item.type, item.key), access->second.rule);
  if (receivers.empty()) return;
  if (IsRuleOfOwners(access->second.rule)) {
    // Whose it was when it was shown otherwise is not known.
    metrics_.CountResyncs(kHealedReason, receivers.size());
    return Send(std::move(receivers), ResyncEvent(position, kHealedReason, item.type), position);
  }
  Send(std::move(receivers), HealedEvent(position, item.type, item.key, healed.missing, healed.row), position);
}

/// Rows of changes with absent members that somebody waits for. Asked for without the mutex: a
/// subscriber who comes in between is sent such a change without its row, and asks for it.
std::unordered_map<std::string, std::string> Hub::CompleteRows(const StreamEntry &entry,
                                                               const RowUnderRule &row_source) {
  std::unordered_map<std::string, std::string> completed;
  auto piece = PieceReader::Open(entry.piece);
  if (!piece) return completed;
  Change change;
  while (piece->Next(change)) {
    if (!HasAbsentMembers(change.member_lengths)) continue;
    std::string rule;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (!IsCurrent(change) || index_.Find(change.type, change.key).empty()) continue;
      rule = types_.at(std::string(change.type)).rule;
    }
    std::string subject = Subject(change.type, change.key);
    if (completed.count(subject) > 0) continue;
    // The local copy has this change already (they are applied together), so what it holds, or is
    // filled with, is of this change or a later one.
    if (auto row = row_source(std::string(change.type), std::string(change.key), rule).row) {
      completed.emplace(std::move(subject), std::move(*row));
    }
  }
  return completed;
}

bool Hub::IsReadable(const std::string &type) const {
  const auto known = types_.find(type);
  return known != types_.end() && known->second.readable();
}

bool Hub::IsCurrent(const Change &change) const {
  const auto type = types_.find(std::string(change.type));
  return type != types_.end() && type->second.readable() && type->second.generation == change.generation;
}

void Hub::PublishChange(const Change &change, const PieceHeader &header,
                        const std::unordered_map<std::string, std::string> &completed) {
  const Position position{standing_->position.epoch, {header.commit_lsn, change.ordinal}};
  if (change.kind == LineKind::kDefinition) return PublishDefinition(change, position);
  if (change.kind == LineKind::kMessage) return PublishMessage(change, position, header.commit_time);
  if (change.kind == LineKind::kSetAside) return; // what it means for the item is told by the change behind it
  // Access is decided here, too, not only when somebody subscribes: rules change in between.
  if (!IsCurrent(change)) return;
  const std::string &rule = types_.at(std::string(change.type)).rule;
  if (change.kind == LineKind::kTruncate) {
    auto receivers = Admitted(index_.FindType(change.type), rule);
    if (!receivers.empty())
      Send(std::move(receivers), TruncateEvent(position, change.type, header.commit_time), position);
    return;
  }
  std::optional<std::string_view> row;
  if (change.kind != LineKind::kDelete) {
    if (!HasAbsentMembers(change.member_lengths)) {
      row = change.row;
    } else if (const auto at = completed.find(Subject(change.type, change.key)); at != completed.end()) {
      row = at->second;
    }
  }
  std::optional<std::string> owner;
  if (IsRuleOfOwners(rule)) {
    owner = OwnerOfChange(rule, change);
    if (!owner) return TellUnknownOwner(change, rule, position);
    // It is of now, and may be another's.
    if (row && authorization::OwnerOf(rule, *row) != owner) row.reset();
  }
  PublishFiltered(change, rule, owner, position, header.commit_time);
  auto receivers = Admitted(index_.Find(change.type, change.key), rule, owner);
  if (receivers.empty()) return;
  Send(std::move(receivers),
       ItemEvent(position, OperationName(change.kind), change.type, change.key, row, header.commit_time), position);
}

void Hub::PublishFiltered(const Change &change, const std::string &rule, const std::optional<std::string> &owner,
                          const Position &position, std::int64_t commit_time) {
  const auto matched = index_.Match(change);
  if (!matched.told) {
    // Of another's item nothing is told, not even that there is something to ask.
    auto receivers = Admitted(matched.unknown, rule, owner);
    metrics_.CountResyncs(kFormerReason, receivers.size());
    if (!receivers.empty()) Send(std::move(receivers), ResyncEvent(position, kFormerReason, change.type), position);
    return;
  }
  const auto tell = [&](const std::vector<Subscriber *> &subscribers, matching::Outcome outcome) {
    if (subscribers.empty()) return;
    auto receivers = Admitted(subscribers, rule, owner);
    if (receivers.empty()) return;
    Send(std::move(receivers), FilteredEvent(position, outcome, change.type, change.key, change.row, commit_time),
         position);
  };
  tell(matched.entered, matching::Outcome::kEntered);
  tell(matched.changed, matching::Outcome::kChanged);
  tell(matched.left, matching::Outcome::kLeft);
}

void Hub::EndFiltered(const std::string &type, std::string_view reason, const Position &position) {
  const auto access = types_.find(type);
  Receivers ended;
  for (Subscriber *subscriber : index_.FindFiltered(type)) {
    const auto &interests = subscriber->interests();
    const bool of_another = std::any_of(interests.begin(), interests.end(), [&](const Interest &interest) {
      return interest.filter && interest.type == type &&
             (access == types_.end() || interest.filter->facts().generation != access->second.generation);
    });
    if (!of_another) continue;
    auto shared = subscriber->weak_from_this().lock();
    if (!shared) continue;
    index_.Remove(subscriber, interests);
    ended.push_back(std::move(shared));
  }
  if (ended.empty()) return;
  metrics_.CountResyncs(reason, ended.size());
  asio::post(loop_, [this, ended = std::move(ended), event = ResyncEvent(position, reason, type), position] {
    for (const auto &subscriber : ended) {
      subscriber->Deliver(event, position);
      subscriber->Finish(ComeBack());
    }
  });
}

void Hub::TellUnknownOwner(const Change &change, const std::string &rule, const Position &position) {
  auto interested = index_.Find(change.type, change.key);
  const auto filtered = index_.FindFiltered(change.type);
  interested.insert(interested.end(), filtered.begin(), filtered.end());
  auto receivers = Admitted(interested, rule);
  if (receivers.empty()) return;
  metrics_.CountResyncs(kOwnerReason, receivers.size());
  Send(std::move(receivers), ResyncEvent(position, kOwnerReason, change.type), position);
}

void Hub::PublishMessage(const Change &change, const Position &position, std::int64_t commit_time) {
  const std::string name = kTopicMark + std::string(change.topic);
  const auto access = types_.find(name);
  if (access == types_.end()) return;
  auto receivers = Admitted(index_.FindType(name), access->second.rule);
  if (!receivers.empty())
    Send(std::move(receivers), MessageEvent(position, change.topic, change.payload, commit_time), position);
}

void Hub::PublishDefinition(const Change &change, const Position &position) {
  TypeAccess &access = types_[std::string(change.type)];
  if (change.generation < access.generation) return;
  access = {change.generation, std::string(change.read)};
  Receivers receivers;
  Receivers refused;
  for (Subscriber *subscriber : index_.FindType(change.type)) {
    auto shared = subscriber->weak_from_this().lock();
    if (!shared) continue;
    if (shared->viewer().MayRead(access.rule)) {
      if (!IsFiltered(*shared, change.type)) receivers.push_back(std::move(shared)); // EndFiltered
      continue;
    }
    // Nothing about it follows, also when the rule changes back.
    std::vector<Interest> lost;
    for (const Interest &interest : shared->interests()) {
      if (interest.type == change.type) lost.push_back(interest);
    }
    index_.Remove(subscriber, lost);
    refused.push_back(std::move(shared));
  }
  if (!refused.empty()) Send(std::move(refused), GoneEvent(position, change.type), position);
  EndFiltered(std::string(change.type), kDefinitionReason, position);
  metrics_.CountResyncs(kDefinitionReason, receivers.size());
  if (!receivers.empty()) Send(std::move(receivers), ResyncEvent(position, kDefinitionReason, change.type), position);
}

// ----------------------------------------------------------------------------------------- any thread

std::optional<Hub::Standing> Hub::standing() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return standing_;
}

std::optional<TypeAccess> Hub::AccessOf(const std::string &type) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto known = types_.find(type);
  return standing_ && known != types_.end() ? std::optional(known->second) : std::nullopt;
}

std::shared_ptr<const matching::Filter> Hub::Shared(std::shared_ptr<const matching::Filter> filter) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return index_.Shared(std::move(filter));
}

std::string Hub::RuleOf(const std::string &type) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto known = types_.find(type);
  return known != types_.end() ? known->second.rule : std::string();
}

bool Hub::MayRead(const std::vector<Interest> &interests, const authorization::Viewer &viewer) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return MayReadAll(interests, viewer);
}

/// The mutex is held.
bool Hub::MayReadAll(const std::vector<Interest> &interests, const authorization::Viewer &viewer) const {
  return std::all_of(interests.begin(), interests.end(), [&](const Interest &interest) {
    const auto type = types_.find(interest.type);
    if (type == types_.end() || !viewer.MayRead(type->second.rule)) return false;
    return !interest.filter || interest.filter->facts().generation == type->second.generation;
  });
}

bool Hub::Register(const std::shared_ptr<Subscriber> &subscriber, const Standing &expected,
                   const std::vector<SharedEvent> &first) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!standing_ || standing_->name_space != expected.name_space || standing_->position != expected.position ||
      standing_->healed != expected.healed)
    return false;
  Insert(subscriber, first);
  return true;
}

bool Hub::RegisterHere(const std::shared_ptr<Subscriber> &subscriber,
                       const std::function<std::vector<SharedEvent>(const Position &)> &first) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!standing_ || !MayReadAll(subscriber->interests(), subscriber->viewer())) return false;
  Insert(subscriber, first(standing_->position));
  return true;
}

void Hub::Insert(const std::shared_ptr<Subscriber> &subscriber, const std::vector<SharedEvent> &first) {
  index_.Add(subscriber.get(), subscriber->interests());
  registered_.emplace(subscriber.get(), subscriber);
  for (const SharedEvent &event : first)
    Send({subscriber}, event, standing_->position);
}

void Hub::Unregister(Subscriber *subscriber) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (registered_.erase(subscriber) > 0) index_.Remove(subscriber, subscriber->interests());
}

/// The mutex is held.
Hub::Receivers Hub::Everyone() const {
  Receivers everyone;
  for (const auto &[pointer, weak] : registered_) {
    if (auto subscriber = weak.lock()) everyone.push_back(std::move(subscriber));
  }
  return everyone;
}

/// The mutex is held. Those that are being destroyed wait for it in Unregister and are left out.
Hub::Receivers Hub::Admitted(const std::vector<Subscriber *> &subscribers, std::string_view rule,
                             const std::optional<std::string> &owner) {
  Receivers admitted;
  admitted.reserve(subscribers.size());
  for (Subscriber *subscriber : subscribers) {
    // What is in the index is whole until it has left it. A reference that is let go of here could be the last one, and
    // wait for the mutex.
    const authorization::Viewer &viewer = subscriber->viewer();
    if (owner ? !viewer.MaySeeOf(*owner) : !viewer.MayRead(rule)) continue;
    if (auto shared = subscriber->weak_from_this().lock()) admitted.push_back(std::move(shared));
  }
  return admitted;
}

/// The mutex is held, which is what orders the posts.
void Hub::Send(Receivers receivers, SharedEvent event, const Position &position) {
  asio::post(loop_, [receivers = std::move(receivers), event = std::move(event), position] {
    for (const auto &subscriber : receivers)
      subscriber->Deliver(event, position);
  });
}

void Hub::MoveTo(const Position &position) {
  asio::post(loop_, [this, position] { delivered_ = position; });
}

// ---------------------------------------------------------------------------------- the loop's thread

void Hub::Start(std::function<bool(const identity::Identity &)> is_over) {
  is_over_ = std::move(is_over);
  ArmKeepalive();
}

void Hub::ArmKeepalive() {
  keepalive_.expires_after(std::chrono::microseconds(options_.keepalive) / kShares);
  keepalive_.async_wait([this](const boost::system::error_code &error) {
    if (error) return;
    Keepalive(connected_.at(next_share_));
    next_share_ = (next_share_ + 1) % kShares;
    ArmKeepalive();
  });
}

void Hub::Keepalive(const Share &share) {
  if (share.empty()) return;
  const SharedEvent event = KeepaliveEvent(delivered_);
  // A copy: who is closed leaves its share.
  for (const auto &[pointer, subscriber] : Share(share)) {
    if (subscriber->StalledFor(options_.stall_limit)) {
      metrics_.evicted.Increment();
      subscriber->Close();
    } else {
      subscriber->Deliver(event, delivered_.value_or(Position{}));
    }
  }
}

void Hub::ArmExpiry() {
  expiry_.expires_after(kExpiryInterval);
  expiry_.async_wait([this](const boost::system::error_code &error) {
    if (error) return;
    EndExpired();
    if (!expiring_.empty()) ArmExpiry();
  });
}

void Hub::EndExpired() {
  const auto now = std::chrono::system_clock::now();
  Receivers expired;
  for (Subscriber *subscriber : expiring_) {
    const authorization::Viewer &viewer = subscriber->viewer();
    if (viewer.expires() <= now || (is_over_ && is_over_(*viewer.caller())))
      expired.push_back(ShareOf(subscriber).at(subscriber));
  }
  // Whoever comes back with the same token is refused.
  for (const auto &subscriber : expired) {
    expiring_.erase(subscriber.get());
    subscriber->FinishNow(ComeBack());
  }
}

Hub::Receivers Hub::Connected() const {
  Receivers all;
  all.reserve(connected_count_);
  for (const Share &share : connected_) {
    for (const auto &[pointer, subscriber] : share)
      all.push_back(subscriber);
  }
  return all;
}

Hub::Share &Hub::ShareOf(Subscriber *subscriber) {
  // Addresses of equal objects lie at equal distances: their upper bits after a multiplication (Fibonacci hashing) do
  // not.
  constexpr std::uint64_t kGoldenRatio = 0x9E3779B97F4A7C15;
  constexpr int kShareBits = 6;
  static_assert(kShares == std::size_t{1} << kShareBits);
  return connected_.at(reinterpret_cast<std::uintptr_t>(subscriber) * kGoldenRatio >> (64 - kShareBits));
}

void Hub::Adopt(std::unique_ptr<Sink> sink, std::shared_ptr<Subscriber> subscriber) {
  Subscriber &adopted = *subscriber;
  ShareOf(&adopted).emplace(&adopted, std::move(subscriber));
  ++connected_count_;
  metrics_.connections.Increment();
  adopted.Attach(std::move(sink));
  if (draining_) return SendAway(adopted);
  if (!adopted.viewer().caller()) return;
  expiring_.insert(&adopted);
  if (expiring_.size() == 1) ArmExpiry();
}

void Hub::Forget(Subscriber *subscriber) {
  Share &share = ShareOf(subscriber);
  const auto at = share.find(subscriber);
  if (at == share.end()) return;
  // The caller is a member of it: its last reference must not fall in here.
  asio::post(loop_, [keep = std::move(at->second)] {});
  share.erase(at);
  --connected_count_;
  expiring_.erase(subscriber);
  metrics_.connections.Decrement();
  if (connected_count_ == 0 && drained_) std::exchange(drained_, nullptr)();
}

void Hub::Drain(std::function<void()> done) {
  keepalive_.cancel();
  expiry_.cancel();
  drained_ = std::move(done);
  draining_ = true;
  for (const auto &subscriber : Connected())
    SendAway(*subscriber);
  if (connected_count_ == 0 && drained_) std::exchange(drained_, nullptr)();
}

void Hub::SendAway(Subscriber &subscriber) { subscriber.Finish(ComeBack()); }

SharedEvent Hub::ComeBack() {
  // Spread out: clients that all come back at once would meet the next server cold.
  std::uniform_int_distribution<int> delay(1000, 5000);
  return RetryEvent(std::chrono::milliseconds(delay(random_)));
}

void Hub::CloseAll() {
  for (const auto &subscriber : Connected())
    subscriber->Close();
}

} // namespace itemize::sidecar::live
