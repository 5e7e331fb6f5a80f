// The local stream in Redis, as the live side reads it.
#pragma once

#include "authorization/rule.hpp"
#include "itemize/lsn.hpp"
#include "redis/connection.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace itemize::sidecar::live {

/// What the running local copy says about a type.
struct TypeAccess {
  std::uint64_t generation = 0;
  /// Who may read it, in the words of its definition.
  std::string rule;

  /// Whether there is anybody who may.
  [[nodiscard]] bool readable() const { return authorization::Viewer::Itself().MayRead(rule); }
};

using TypeAccesses = std::unordered_map<std::string, TypeAccess>;

/// The value of the types hash, `<generation> <read> <truncations>`.
[[nodiscard]] TypeAccess ParseTypeAccess(std::string_view value);

/// One consistent look at the local copy.
struct LocalState {
  std::string name_space;
  Position position;
  /// Every entry after this is still in the stream.
  Version base;
  TypeAccesses types;

  /// Whether everything after `version` is still in the stream.
  [[nodiscard]] bool Covers(const Version &version) const { return base <= version; }
};

/// A piece with its id.
struct StreamEntry {
  Version id;
  std::string piece;
};

/// An item of the copy that was wrong, and has been dropped.
struct HealedItem {
  std::string id;   ///< in the stream of those
  Version applied;  ///< what the copy had applied then
  std::string type; ///< empty: there were too many to name them
  std::string key;
};

class LocalStream {
public:
  explicit LocalStream(const std::string &prefix);

  /// Nothing when there is no local copy yet.
  std::optional<LocalState> ReadState(RedisConnection &redis) const;
  /// The namespace of the running local copy, empty when there is none.
  std::string ReadNamespace(RedisConnection &redis) const;

  struct Arrived {
    std::vector<StreamEntry> entries;
    /// Entries before them have been cut off, unread.
    bool gap = false;
    /// Contains all with an `applied` before the last of the entries.
    std::vector<HealedItem> healed;
  };
  /// Waits up to `block` for entries after `after`, or for what was healed after `healed_after`; empty when nothing
  /// came.
  static Arrived Await(RedisConnection &redis, const std::string &name_space, const Version &after,
                       const std::string &healed_after, std::chrono::milliseconds block);
  /// What is known to have been healed, behind the id `after` if it is not empty.
  static std::vector<HealedItem> Healed(RedisConnection &redis, const std::string &name_space,
                                        const std::string &after = {});
  /// For Await: what is healed from now on.
  static std::string LastHealed(RedisConnection &redis, const std::string &name_space);
  /// Entries after `after` up to `last`, as many as StreamPiecesScript() gives; empty when there are none.
  static std::vector<StreamEntry> Range(RedisConnection &redis, const std::string &name_space, const Version &after,
                                        const Version &last);

private:
  std::string state_key_;
};

} // namespace itemize::sidecar::live
