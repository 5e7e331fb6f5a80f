// Who wants to hear about which item, found by hashing: a change costs its own subscribers, not all.
#pragma once

#include "matching/filter_index.hpp"

#include <memory>
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
  /// Without a key: only the items that match it.
  std::shared_ptr<const matching::Filter> filter = nullptr;
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

  /// Who follows all of the type, or this item; not those with a filter.
  [[nodiscard]] std::vector<Subscriber *> Find(std::string_view type, std::string_view key) const;
  /// Who follows items by a filter that the change concerns, by what it is to them.
  struct Matched {
    /// False: it does not say whom it concerns; they are all in `unknown`, each once.
    bool told = true;
    std::vector<Subscriber *> unknown;
    std::vector<Subscriber *> entered;
    std::vector<Subscriber *> changed;
    std::vector<Subscriber *> left;
  };
  [[nodiscard]] Matched Match(const Change &change);
  /// All who follow items of the type by a filter, each once.
  [[nodiscard]] std::vector<Subscriber *> FindFiltered(std::string_view type) const;
  /// Types of which somebody follows items by a filter.
  [[nodiscard]] std::vector<std::string> FilteredTypes() const;
  /// An equal filter that somebody follows already, else this one: there is one of each.
  [[nodiscard]] std::shared_ptr<const matching::Filter> Shared(std::shared_ptr<const matching::Filter> filter) const;

  /// All who have an interest in the type, each once.
  [[nodiscard]] std::vector<Subscriber *> FindType(std::string_view type) const;
  [[nodiscard]] bool empty() const { return types_.empty(); }

private:
  using Subscribers = std::vector<Subscriber *>;
  struct TypeEntry {
    Subscribers whole;
    std::unordered_map<std::string, Subscribers> keys;
    matching::FilterIndex filters;
    /// By the filter that stands in the index.
    std::unordered_map<const matching::Filter *, Subscribers> filtered;
  };

  static void RemoveFiltered(TypeEntry &entry, Subscriber *subscriber, const matching::Filter &filter);

  std::unordered_map<std::string, TypeEntry> types_;
};

} // namespace itemize::sidecar::live
