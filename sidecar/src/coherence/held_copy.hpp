// The cluster's copy in the local Redis, as the comparison with the database sees it: which items are held, in what
// form, and whether one has changed while somebody looked.
#pragma once

#include "itemize/lsn.hpp"
#include "options.hpp"
#include "redis/connection.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace itemize::sidecar::coherence {

struct ItemName {
  std::string type;
  std::string gen; ///< "<generation>.<truncations>"
  std::string key;

  [[nodiscard]] std::string_view generation() const { return std::string_view(gen).substr(0, gen.find('.')); }
};

/// What is held of a key.
struct HeldForm {
  enum class Kind {
    kGone, ///< nothing any more
    kRow,
    kMissing,   ///< known to have no item
    kMalformed, ///< neither; the scripts leave no such thing behind
  };
  Kind kind = Kind::kGone;
  std::string row;
  std::string member_lengths;
  std::string watch; ///< ItemField::kWatch
};

struct CopyState {
  std::string name_space;
  Epoch epoch;
  /// Every transaction up to it is applied whole.
  Lsn complete = 0;
  /// The applier has not caught up since this Redis was started (LocalField::kServer).
  bool behind = false;
  /// Type -> GEN of the items that are in reach.
  std::map<std::string, std::string, std::less<>> gens;
};

/// One connection; functions throw RedisError. No command keeps Redis busy for more than about a millisecond, but for
/// a row of megabytes.
class HeldCopy {
public:
  explicit HeldCopy(const Options &options);

  /// Nothing when there is no copy.
  std::optional<CopyState> ReadState();

  struct Step {
    std::vector<ItemName> items;
    std::string cursor; ///< for the next step; "0" after the last
  };
  /// One step of SCAN over the copy: Redis walks its keys in the order of their hashes. Each item that is held all the
  /// time comes at least once between cursor "0" and "0".
  Step Scan(const std::string &name_space, const std::string &cursor);

  /// In the order of `items`, of which the first `count` from `begin` are read. Does not make an item live longer.
  std::vector<HeldForm> Read(const std::string &name_space, const std::vector<ItemName> &items, std::size_t begin,
                             std::size_t count);

  /// Puts a watch with this token on each of the items that is still there.
  void Watch(const std::string &name_space, const std::vector<ItemName> &items, const std::string &token);

  /// Ends the watches, and drops those of the items for which `drop` is true. False for an item whose watch did not
  /// stand to the end or whose definition has changed, and where the copy is another one: it was not dropped.
  std::vector<bool> EndWatch(const std::string &name_space, const std::vector<ItemName> &items,
                             const std::vector<bool> &drop, const std::string &token);

  /// Takes the turn to compare for `duration` if nobody has it; one sidecar of a cluster at a time is enough.
  bool TakeTurn(const std::string &token, std::chrono::milliseconds duration);
  /// Makes a turn that is still ours last this much longer from now on.
  void KeepTurn(const std::string &token, std::chrono::milliseconds duration);

private:
  RedisConnection connection_;
  std::string state_key_;
  std::string turn_key_;
};

/// Of a Redis key; nothing when it names no item of the copy.
std::optional<ItemName> ParseItemName(std::string_view name_space, std::string_view redis_key);

} // namespace itemize::sidecar::coherence
