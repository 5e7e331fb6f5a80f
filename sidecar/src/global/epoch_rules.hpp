// When the history that the stream tells has broken, so that a new epoch must begin (DESIGN, decision 4).
#pragma once

#include "itemize/lsn.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>

namespace itemize::sidecar {

/// What is known once the slot is ours.
struct StreamStart {
  /// P:epoch and the last id of its stream; nothing when Redis has none.
  std::optional<Epoch> epoch;
  std::optional<Version> last;
  /// How far clusters were told that the stream has passed the write-ahead log, where that is beyond its last entry.
  Lsn passed = 0;
  std::uint64_t system_identifier = 0;
  std::uint32_t timeline = 0;
  /// The epoch that the database was told last, for when Redis has lost it.
  std::optional<Epoch> reported;
  /// The slot's confirmed position and the server's flush position, read after the stream's last id.
  Lsn confirmed = 0;
  Lsn flushed = 0;
  /// The slot was made just now: what happened before it is not in it.
  bool slot_is_new = false;
};

/// Why a new epoch must begin, for the log; nothing when the running one goes on.
inline std::optional<std::string_view> ReasonForNewEpoch(const StreamStart &start) {
  if (!start.epoch) return "no_epoch";
  if (start.epoch->system_identifier != start.system_identifier) return "other_system";
  if (start.epoch->timeline != start.timeline) return "other_timeline";
  if (start.slot_is_new) return "new_slot";
  if (!start.last) return "stream_missing";
  if (start.last->commit_lsn < start.confirmed) return "stream_lost_entries";
  if (std::max(start.last->commit_lsn, start.passed) > start.flushed) return "database_went_back";
  return std::nullopt;
}

/// Rises even when the clock went back, and when Redis has forgotten the epoch before.
inline Epoch NextEpoch(const StreamStart &start, std::uint64_t now_unix_seconds) {
  std::uint64_t least = start.epoch ? start.epoch->slot_generation + 1 : 0;
  if (start.reported && start.reported->system_identifier == start.system_identifier &&
      start.reported->timeline == start.timeline) {
    least = std::max(least, start.reported->slot_generation + 1);
  }
  return {start.system_identifier, start.timeline, std::max(now_unix_seconds, least)};
}

} // namespace itemize::sidecar
