// What one Redis still holds of an item.
#pragma once

#include "itemize/lsn.hpp"
#include "redis/connection.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace itemize::sidecar {

struct ItemName {
  std::string type;
  std::string key; ///< canonical key text
};

struct Traces {
  /// Copies of the item, and markers of fills: names of keys.
  std::vector<std::string> keys;
  struct Stream {
    std::string name;
    std::size_t entries = 0; ///< that tell of the item
    Version last;            ///< id of the last of them
    /// Of the first entry behind it; nothing when it is the end of the stream.
    std::optional<Version> next;
  };
  std::vector<Stream> streams;
  /// What comparisons with the database have found wrong of the item (LocalNamespace::Healed).
  struct Healed {
    std::string name;             ///< of the stream
    std::vector<std::string> ids; ///< of the entries that name the item
  };
  std::vector<Healed> healed;

  [[nodiscard]] bool empty() const { return keys.empty() && streams.empty() && healed.empty(); }
};

/// Whether a key's name is that of a copy of the item, or of the marker of its fill.
bool IsKeyOfItem(std::string_view name, const ItemName &item);

/// Whether a piece has a change of the item.
bool TellsOfItem(std::string_view piece, const ItemName &item);

/// Looks at every key of the prefix and at every entry of its streams, in small steps.
Traces FindTraces(RedisConnection &redis, const std::string &prefix, const ItemName &item);

} // namespace itemize::sidecar
