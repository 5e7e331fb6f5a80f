// How far the global stream may be trimmed.
#pragma once

#include "global/stream_picture.hpp"
#include "redis/consumer_report.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace itemize::sidecar {

/// What everybody has read is kept all the same up to about so many entries, for who resumes from a position.
inline constexpr std::uint64_t kKeptEntries = 10000;

struct TrimLimits {
  std::uint64_t max_bytes = 0;
  std::uint64_t max_entries = 0;
  std::chrono::milliseconds max_age{0};
  /// Redis has no room: nothing is kept that everybody has read.
  bool full = false;
};

/// Whether the group still keeps the stream. One that does not is forgotten.
inline bool KeepsStream(const StreamPicture &picture, const StreamConsumer &group) {
  return picture.silent_seconds(group) < std::chrono::duration<double>(kGroupSilence).count();
}

/// Whether the cluster, or the copy under way, still keeps the stream.
inline bool IsLive(const StreamPicture &picture, const StreamConsumer &consumer) {
  return picture.silent_seconds(consumer) < std::chrono::duration<double>(kClusterSilence).count();
}

/// More than this behind, a reader, or the slot, does not keep up: it is not only what the last seconds wrote. Bytes of
/// WAL.
inline constexpr std::uint64_t kMuchLag = std::uint64_t{64} << 20U;

/// Whether a reader should have reported itself by now.
inline bool IsLate(const StreamPicture &picture, const StreamConsumer &consumer) {
  return picture.silent_seconds(consumer) > std::chrono::duration<double>(kReportLate).count();
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
  // Of an erased item nothing is kept for who resumes.
  const Version erased =
      picture.erased == Version{} ? Version{} : Version{picture.erased.commit_lsn, picture.erased.ordinal + 1};
  history = std::max(history, erased);
  std::optional<Version> floor;
  const auto keep = [&floor](const StreamConsumer &consumer) {
    floor = floor ? std::min(*floor, consumer.position) : consumer.position;
  };
  for (const StreamConsumer &cluster : picture.clusters) {
    if (IsLive(picture, cluster)) keep(cluster);
  }
  for (const StreamConsumer &group : picture.groups) {
    if (KeepsStream(picture, group)) keep(group);
  }
  for (const StreamConsumer &copy : picture.copies) {
    if (IsLive(picture, copy)) keep(copy);
  }
  const Version read_by_all = floor ? std::min(*floor, history) : erased;
  return std::min(std::max(limit, read_by_all), picture.last);
}

} // namespace itemize::sidecar
