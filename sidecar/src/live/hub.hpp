// Where the change stream meets the live clients.
//
// Three kinds of threads meet here: the feed brings changes, workers bring subscribers, the event loop
// sends. The state that decides who gets what (index, types, position) is behind one mutex, and what
// follows from it is posted to the loop before the mutex is released: a subscriber's hello is therefore
// ordered exactly among the events, with no gap and no double.
#pragma once

#include "base/services.hpp"
#include "itemize/change_event.hpp"
#include "live/local_stream.hpp"
#include "live/subscriber.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <array>
#include <functional>
#include <mutex>
#include <random>
#include <unordered_map>
#include <unordered_set>

namespace itemize::sidecar::live {

struct HubOptions {
  /// Bytes that may wait for one subscriber before it is conflated.
  std::size_t buffer_bytes = std::size_t{1024} * 1024;
  /// Between two keepalives to the same client. They are spread over that time: ten thousand at once would hold up
  /// the events behind them.
  std::chrono::milliseconds keepalive{15000};
  /// A subscriber that takes nothing for this long is closed.
  std::chrono::milliseconds stall_limit{30000};
};

struct LiveMetrics {
  explicit LiveMetrics(Metrics &metrics);

  /// Counts clients that are told to resync, for a reason as ResyncEvent has it.
  void CountResyncs(std::string_view reason, std::size_t clients = 1);

  Metrics &all;

  prometheus::Gauge &connections;
  prometheus::Gauge &waiting;
  prometheus::Counter &sent;
  prometheus::Counter &conflated;
  prometheus::Counter &evicted;
  /// Seconds from the commit to the moment when the client's socket has taken the event.
  prometheus::Histogram &lag;
};

/// What an item is now: for a change that does not carry all of it, and for an item that has been healed.
struct RowNow {
  bool missing = false;           ///< there is no such item
  std::optional<std::string> row; ///< nothing when it cannot be had now
};
using RowSource = std::function<RowNow(const std::string &type, const std::string &key)>;
/// The same, but only while `rule` is the rule of the type: a later definition may have fields that are not for those
/// whom this one lets read.
using RowUnderRule = std::function<RowNow(const std::string &type, const std::string &key, const std::string &rule)>;

class Hub {
public:
  Hub(boost::asio::io_context &loop, const HubOptions &options, Services &services);
  ~Hub();
  Hub(const Hub &) = delete;
  Hub &operator=(const Hub &) = delete;

  [[nodiscard]] LiveMetrics &metrics() { return metrics_; }
  [[nodiscard]] const HubOptions &options() const { return options_; }

  // --- the feed's thread

  /// The local copy is another one: everybody has to ask anew, if there was one before.
  void Reset(LocalState state, std::string_view reason);
  /// There is no local copy: nobody can subscribe, those who have wait.
  void Suspend();
  void Publish(const StreamEntry &entry, const RowUnderRule &row_source);
  /// Everything up to `item.applied`, and nothing behind it, has been published.
  void TellHealed(const HealedItem &item, const RowUnderRule &row_source);

  // --- any thread

  /// Where the hub is, and in which local copy; nothing while there is none.
  struct Standing {
    std::string name_space;
    Position position;
    /// Id of the last healed item that has been told.
    std::string healed;
  };
  [[nodiscard]] std::optional<Standing> standing() const;
  /// Of a type or a topic; nothing when it is not known.
  [[nodiscard]] std::optional<TypeAccess> AccessOf(const std::string &type) const;
  /// An equal filter that somebody follows already, else this one.
  [[nodiscard]] std::shared_ptr<const matching::Filter> Shared(std::shared_ptr<const matching::Filter> filter) const;
  /// Who may read a type or a topic, in the words of its definition; empty: nobody.
  [[nodiscard]] std::string RuleOf(const std::string &type) const;
  /// Whether the viewer may read all types and topics, and filters are of the definitions that there are.
  [[nodiscard]] bool MayRead(const std::vector<Interest> &interests, const authorization::Viewer &viewer) const;
  /// Makes `subscriber` known if the hub still stands at `expected`, and sends it `first`. Everything
  /// after `expected` follows. False: the hub has moved on.
  [[nodiscard]] bool Register(const std::shared_ptr<Subscriber> &subscriber, const Standing &expected,
                              const std::vector<SharedEvent> &first);
  /// Makes it known wherever the hub stands; `first` is made from that. False while there is no local copy, and
  /// when it may not read what it wants any more.
  [[nodiscard]] bool RegisterHere(const std::shared_ptr<Subscriber> &subscriber,
                                  const std::function<std::vector<SharedEvent>(const Position &)> &first);
  void Unregister(Subscriber *subscriber);

  // --- the loop's thread

  /// Starts the keepalive. `is_over`: whether a caller's streams have to end, though his token has not expired.
  void Start(std::function<bool(const identity::Identity &)> is_over = {});
  /// Sends to `sink` what `subscriber`, which is known already, gets.
  void Adopt(std::unique_ptr<Sink> sink, std::shared_ptr<Subscriber> subscriber);
  void Forget(Subscriber *subscriber);
  [[nodiscard]] std::size_t connected() const { return connected_count_; }
  /// Tells every client when to come back, and ends. `done` is called when none is left.
  void Drain(std::function<void()> done);
  void CloseAll();

private:
  using Receivers = std::vector<std::shared_ptr<Subscriber>>;
  /// Clients that get their keepalive together.
  using Share = std::unordered_map<Subscriber *, std::shared_ptr<Subscriber>>;
  static constexpr std::size_t kShares = 64;

  [[nodiscard]] Receivers Everyone() const;
  [[nodiscard]] bool IsReadable(const std::string &type) const;
  /// Those who may read what has this rule; of items for owners, with `owner`, only he.
  [[nodiscard]] static Receivers Admitted(const std::vector<Subscriber *> &subscribers, std::string_view rule,
                                          const std::optional<std::string> &owner = std::nullopt);
  /// Of an item that may not be told to everybody it cannot be told whose it is: all who follow it have to ask again.
  void TellUnknownOwner(const Change &change, const std::string &rule, const Position &position);
  [[nodiscard]] bool MayReadAll(const std::vector<Interest> &interests, const authorization::Viewer &viewer) const;
  [[nodiscard]] std::unordered_map<std::string, std::string> CompleteRows(const StreamEntry &entry,
                                                                          const RowUnderRule &row_source);
  void PublishChange(const Change &change, const PieceHeader &header,
                     const std::unordered_map<std::string, std::string> &completed);
  /// To those who follow items by filters.
  void PublishFiltered(const Change &change, const std::string &rule, const std::optional<std::string> &owner,
                       const Position &position, std::int64_t commit_time);
  /// Whoever has a filter compiled for another definition of the type comes back with it, behind a resync.
  void EndFiltered(const std::string &type, std::string_view reason, const Position &position);
  void PublishDefinition(const Change &change, const Position &position);
  void PublishMessage(const Change &change, const Position &position, std::int64_t commit_time);
  void Send(Receivers receivers, SharedEvent event, const Position &position);
  void Insert(const std::shared_ptr<Subscriber> &subscriber, const std::vector<SharedEvent> &first);
  [[nodiscard]] bool IsCurrent(const Change &change) const;
  void MoveTo(const Position &position);
  void ArmKeepalive();
  void Keepalive(const Share &share);
  [[nodiscard]] Share &ShareOf(Subscriber *subscriber);
  [[nodiscard]] Receivers Connected() const;
  void SendAway(Subscriber &subscriber);
  [[nodiscard]] SharedEvent ComeBack();
  void ArmExpiry();
  void EndExpired();

  boost::asio::io_context &loop_;
  const HubOptions options_;
  LiveMetrics metrics_;

  mutable std::mutex mutex_;
  SubscriptionIndex index_;
  TypeAccesses types_;
  std::optional<Standing> standing_;
  /// Everyone registered, to be told of a reset.
  std::unordered_map<Subscriber *, std::weak_ptr<Subscriber>> registered_;

  // The loop's own.
  boost::asio::steady_timer keepalive_;
  std::array<Share, kShares> connected_;
  std::size_t connected_count_ = 0;
  /// Whose turn it is.
  std::size_t next_share_ = 0;
  /// Those of connected_ that have a token, which may expire or be over for another reason.
  std::unordered_set<Subscriber *> expiring_;
  boost::asio::steady_timer expiry_;
  std::function<bool(const identity::Identity &)> is_over_;
  /// What has been handed to the subscribers.
  std::optional<Position> delivered_;
  std::minstd_rand random_{std::random_device{}()};
  bool draining_ = false;
  std::function<void()> drained_;
};

} // namespace itemize::sidecar::live
