// Which changes a reader asked for, and which partition of a group they belong to.
#pragma once

#include "itemize/change_event.hpp"
#include "itemize/erasure.hpp"
#include "itemize/internal_types.hpp"
#include "options.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace itemize::sidecar {

/// The work of a group is shared by these. Fixed: positions are kept for each.
inline constexpr unsigned kPartitions = 64;

/// FNV-1a, 64 bits: the same in every version and on every machine.
inline std::uint64_t StableHash(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3U;
  }
  return hash;
}

inline unsigned PartitionOf(std::string_view type, std::string_view key) {
  std::string text(type);
  text += '\t';
  text += key;
  return static_cast<unsigned>(StableHash(text) % kPartitions);
}

class Interest {
public:
  /// Keeps a reference.
  explicit Interest(const TailOptions &options) : options_(options) {}

  [[nodiscard]] bool Wants(const Change &change) const {
    if (change.kind == LineKind::kMessage) return change.topic != kErasureTopic && Names(options_.topics, change.topic);
    if (!change.type.empty() && change.type.front() == kTopicMark) {
      return Names(options_.topics, change.type.substr(1));
    }
    // Of no application's interest, unless it names them.
    if (IsInternalType(change.type)) return IsListed(options_.types, change.type);
    return Names(options_.types, change.type);
  }

private:
  static bool IsListed(const std::vector<std::string> &names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  }
  static bool Names(const std::vector<std::string> &names, std::string_view name) {
    return std::any_of(names.begin(), names.end(),
                       [name](const std::string &wanted) { return wanted == kEveryName || wanted == name; });
  }

  const TailOptions &options_;
};

/// The partition of a change of one item, or of a message: those of a topic stay in order. Nothing for what concerns
/// all items of a type, and so every partition.
inline std::optional<unsigned> PartitionOf(const Change &change) {
  if (change.kind == LineKind::kMessage) return PartitionOf(std::string_view(&kTopicMark, 1), change.topic);
  if (change.key.empty()) return std::nullopt;
  return PartitionOf(change.type, change.key);
}

} // namespace itemize::sidecar
