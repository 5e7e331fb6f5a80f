// Itemize-Min-Position: whether a cluster has come as far as a client has seen, and what a read may do about it.
#pragma once

#include "authorization/rule.hpp"
#include "itemize/lsn.hpp"

#include <chrono>
#include <optional>

namespace itemize::sidecar::read {

/// What the client asks of a read besides the items.
struct ReadDemand {
  authorization::Viewer viewer;
  /// The answer must not be older than this.
  std::optional<Position> at_least;
  /// For how long the cluster may be waited for, before the primary is asked.
  std::chrono::milliseconds wait{0};
  /// Whether the read may end with kAwaitPosition, and with kAwaitFill, to be repeated without this later.
  bool may_await_position = false;
  bool may_await_fill = false;
  /// Whether an item that cannot be taken into the copy in time may be left out (ReadResult::contended), instead of all
  /// being refused with kContended.
  bool may_leave_out = false;
  /// This is that repetition: what it finds was filled for it, no hit.
  bool repeated = false;
};

enum class PositionReached {
  kYes,
  kNotYet,
  kOtherEpoch, ///< of an epoch that is over: not to be compared
};

/// Ordinal 0 stands for every transaction up to the LSN, as itemize.token() means it; else the change of that ordinal
/// has been applied. `complete`: every transaction up to there is applied whole. Epochs compare by when they were
/// begun.
inline PositionReached ReachedBy(const Position &wanted, const Position &applied, Lsn complete) {
  if (wanted.epoch != applied.epoch) {
    return wanted.epoch.slot_generation > applied.epoch.slot_generation ? PositionReached::kNotYet
                                                                        : PositionReached::kOtherEpoch;
  }
  const Lsn lsn = wanted.version.commit_lsn;
  // What is applied in part is behind everything that ends before it.
  if (complete >= lsn || applied.version.commit_lsn > lsn) return PositionReached::kYes;
  const bool whole = wanted.version.ordinal == 0;
  return !whole && applied.version >= wanted.version ? PositionReached::kYes : PositionReached::kNotYet;
}

} // namespace itemize::sidecar::read
