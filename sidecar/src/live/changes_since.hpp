// What has become of a subscription's items since a position, by what the local stream has had since: each item once,
// as it is at the end. Replay tells the same way event by event.
#pragma once

#include "itemize/change_event.hpp"
#include "live/local_stream.hpp"
#include "live/owned_changes.hpp"
#include "live/subscription_index.hpp"

#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace itemize::sidecar::live {

/// An item that has changed since.
struct ItemSince {
  /// There was such an item at the beginning.
  bool existed = false;
  /// There is one at the end.
  bool exists = false;
  /// At the end; empty when the stream does not tell: then the item is to be read.
  std::string row;
  std::string member_lengths;
};

class ChangesSince {
public:
  /// Interests in topics are left alone. None has a filter.
  ChangesSince(const std::vector<Interest> &interests, const Version &since, OwnedChanges owned = {});

  /// Entries in the order of the stream; what of them is not after the position does not count.
  void Add(const StreamEntry &entry);
  /// Nothing more is told of the items of a type but that all are to be loaded again.
  void Resync(std::string_view type, std::string_view reason);
  /// The same for all types.
  void ResyncAll(std::string_view reason);
  void AddHealed(const std::vector<HealedItem> &items);
  /// Says nothing of the type any more.
  void Drop(const std::string &type);

  using Items = std::map<std::string, ItemSince>;
  /// By type and key.
  [[nodiscard]] std::map<std::string, Items> &items() { return items_; }
  /// Why all of a type are to be loaded again, by type.
  [[nodiscard]] const std::map<std::string, std::string> &resyncs() const { return resyncs_; }
  /// Of keys and rows.
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

private:
  struct Wanted {
    bool whole = false;
    std::unordered_set<std::string> keys;
  };

  /// Null when nobody asks for the item, or nothing more is told of its type.
  [[nodiscard]] ItemSince *Find(std::string_view type, std::string_view key, bool existed);
  void AddChange(const Change &change);
  void AddRow(const Change &change, ItemSince &item);

  Version since_;
  OwnedChanges owned_;
  std::unordered_map<std::string, Wanted> wanted_;
  std::map<std::string, Items> items_;
  std::map<std::string, std::string> resyncs_;
  std::size_t bytes_ = 0;
};

} // namespace itemize::sidecar::live
