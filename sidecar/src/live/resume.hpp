// How a client comes in: fresh, or with the id of the last event it has seen (design, decision 7).
#pragma once

#include "live/hub.hpp"
#include "live/owned_changes.hpp"
#include "read/item_reader.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace itemize::sidecar::live {

struct Subscription {
  enum class Status { kSubscribed, kUnreadable, kNotReady };
  Status status = Status::kNotReady;
  std::shared_ptr<Subscriber> subscriber;
};

/// Used by one worker, with its connections. Blocks while it reads what the client missed.
class Subscribe {
public:
  Subscribe(Hub &hub, const std::string &prefix, read::ItemReader &reader)
      : hub_(hub), stream_(prefix), reader_(reader) {}

  /// `last_event_id` as the client sent it. One that cannot be resumed from, malformed included, gives a
  /// resync: a browser repeats what it was given, and must not be refused for it.
  Subscription Run(std::vector<Interest> interests, const authorization::Viewer &viewer,
                   const std::optional<std::string> &last_event_id);

private:
  Subscription Enter(const std::shared_ptr<Subscriber> &subscriber, std::optional<std::string_view> resync_reason);
  /// Why it is not possible to resume, or nothing when `subscriber` is registered.
  std::optional<std::string_view> Resume(const std::shared_ptr<Subscriber> &subscriber, const Position &last,
                                         bool &not_ready);

  Hub &hub_;
  LocalStream stream_;
  read::ItemReader &reader_;
};

/// Collects what one client missed.
class Replay {
public:
  Replay(const std::vector<Interest> &interests, const Position &last, std::size_t limit_bytes,
         OwnedChanges owned = {});

  /// False when the client has to resync: too much, or a definition has changed on the way.
  bool Add(const StreamEntry &entry, const RowSource &row_source);

  /// The same of what was healed, once everything up to `standing` has been added.
  bool AddHealed(const std::vector<HealedItem> &items, const Position &standing, const RowSource &row_source);

  /// What the client is to be sent.
  [[nodiscard]] const std::vector<SharedEvent> &events() const { return events_; }
  [[nodiscard]] std::string_view failure() const { return failure_; }

private:
  [[nodiscard]] bool Wants(std::string_view type, std::string_view key) const;
  [[nodiscard]] bool WantsType(std::string_view type) const;
  /// Null when there is none.
  [[nodiscard]] const matching::Filter *FilterOn(std::string_view type) const;
  /// What the change is by the filter. False: it does not tell, or it is too much.
  bool AddFiltered(const Change &change, const matching::Filter &filter, const Position &position);
  bool Take(SharedEvent event);

  const std::vector<Interest> &interests_;
  Position last_;
  std::size_t bytes_left_;
  OwnedChanges owned_;
  std::vector<SharedEvent> events_;
  std::string_view failure_;
};

} // namespace itemize::sidecar::live
