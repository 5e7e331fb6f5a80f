// What this process has seen of the local copy, so that it never shows less: a Redis that comes back
// from an old snapshot is behind, and is not read until its applier has caught up (invariant I2).
#pragma once

#include "itemize/lsn.hpp"

#include <mutex>
#include <optional>

namespace itemize::sidecar::read {

/// Thread-safe.
class PositionFloor {
public:
  /// To be taken before a read begins; the read's own position is then at least this.
  [[nodiscard]] std::optional<Position> Get() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return floor_;
  }

  void Raise(const Position &position) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!floor_ || !IsBelow(position, *floor_)) floor_ = position;
  }

  /// Whether `position` is older than `floor`. Epochs compare by when they were begun.
  [[nodiscard]] static bool IsBelow(const Position &position, const Position &floor) {
    if (position.epoch == floor.epoch) return position.version < floor.version;
    return position.epoch.slot_generation < floor.epoch.slot_generation;
  }

private:
  mutable std::mutex mutex_;
  std::optional<Position> floor_;
};

} // namespace itemize::sidecar::read
