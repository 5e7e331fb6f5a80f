// How far the global stream may be trimmed.
#pragma once

#include "global/stream_picture.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

namespace itemize::sidecar {

/// A cluster that has not reported itself for so long no longer keeps the stream.
inline constexpr std::chrono::minutes kClusterSilence{10};

/// What everybody has read is kept all the same up to about so many entries, for who resumes from a position.
inline constexpr std::uint64_t kKeptEntries = 10000;

struct TrimLimits {
  std::uint64_t max_bytes = 0;
  std::uint64_t max_entries = 0;
  std::chrono::milliseconds max_age{0};
  /// Redis has no room: nothing is kept that everybody has read.
  bool full = false;
};

/// Whether the cluster still keeps the stream.
inline bool IsLive(const StreamPicture &picture, const StreamConsumer &cluster) {
  return picture.silent_seconds(cluster) < std::chrono::duration<double>(kClusterSilence).count();
}

/// The least id that stays (for XTRIM MINID). Clusters that are live and consumer groups keep what they have not read,
/// and their last entry, which proves to them that they have missed nothing; only the limits take it from them. The
/// stream's last entry always stays.
inline Version TrimPoint(const StreamPicture &picture, const TrimLimits &limits) {
  const auto behind = [](const StreamMark &mark) { return Version{mark.id.commit_lsn, mark.id.ordinal + 1}; };
  Version limit;
  Version history;
  for (const StreamMark &mark : picture.marks) {
    const bool old = mark.time + static_cast<std::uint64_t>(limits.max_age.count()) <= picture.now;
    if (old || picture.bytes - mark.bytes >= limits.max_bytes || picture.entries - mark.entries >= limits.max_entries)
      limit = std::max(limit, behind(mark));
    if (picture.entries - mark.entries >= std::min(kKeptEntries, limits.max_entries))
      history = std::max(history, behind(mark));
  }
  if (limits.full) history = picture.last;
  std::optional<Version> floor;
  const auto keep = [&floor](const StreamConsumer &consumer) {
    floor = floor ? std::min(*floor, consumer.position) : consumer.position;
  };
  for (const StreamConsumer &cluster : picture.clusters) {
    if (IsLive(picture, cluster)) keep(cluster);
  }
  for (const StreamConsumer &group : picture.groups)
    keep(group);
  const Version read_by_all = floor ? std::min(*floor, history) : Version{};
  return std::min(std::max(limit, read_by_all), picture.last);
}

} // namespace itemize::sidecar
