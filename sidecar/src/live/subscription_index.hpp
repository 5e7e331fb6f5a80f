// Who wants to hear about which item, found by hashing: a change costs its own subscribers, not all.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace itemize::sidecar::live {

/// One thing that a client subscribed to.
struct Interest {
  /// Or a topic, with its mark (kTopicMark) before the name; it has no keys.
  std::string type;
  /// Canonical key text; nothing for all items of the type.
  std::optional<std::string> key;
};

/// Without repetitions, and without single keys of a type that is wanted whole: each subscriber is in
/// the index once for a change.
[[nodiscard]] std::vector<Interest> Normalized(std::vector<Interest> interests);

class Subscriber;

/// Not thread-safe.
class SubscriptionIndex {
public:
  /// `interests` as Normalized gives them; the same must be given to Remove.
  void Add(Subscriber *subscriber, const std::vector<Interest> &interests);
  void Remove(Subscriber *subscriber, const std::vector<Interest> &interests);
  /// Forgets every interest in the type; gives those who had one, each once.
  std::vector<Subscriber *> RemoveType(std::string_view type);

  [[nodiscard]] std::vector<Subscriber *> Find(std::string_view type, std::string_view key) const;
  /// All who have an interest in the type, each once.
  [[nodiscard]] std::vector<Subscriber *> FindType(std::string_view type) const;
  [[nodiscard]] bool empty() const { return types_.empty(); }

private:
  using Subscribers = std::vector<Subscriber *>;
  struct TypeEntry {
    Subscribers whole;
    std::unordered_map<std::string, Subscribers> keys;
  };

  std::unordered_map<std::string, TypeEntry> types_;
};

} // namespace itemize::sidecar::live
