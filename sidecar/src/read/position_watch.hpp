// Requests that wait for the local copy to reach a position: they cost their connection, and no thread.
#pragma once

#include "read/backends.hpp"
#include "read/lazy_connection.hpp"

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <vector>

namespace itemize::sidecar::read {

/// Called once, by any thread.
using Wake = std::function<void()>;

/// Thread-safe.
class PositionWatch {
public:
  using Clock = std::chrono::steady_clock;

  explicit PositionWatch(ReadBackends &backends);

  /// Wakes when the position is reached, cannot be reached, or at the deadline.
  void Await(const Position &position, Clock::time_point deadline, Wake wake);
  /// Looks at the copy while somebody waits, until a stop.
  void Run(const StopToken &stop);
  /// Wakes all, and from now on everybody at once.
  void Drain();
  /// Drops who still waits.
  void Clear();

private:
  struct Waiter {
    Position position;
    Clock::time_point deadline;
    Wake wake;
  };

  /// Takes out whom `ends` tells to, and wakes them.
  template <typename Ends>
  void WakeWhere(Ends ends);

  ReadBackends &backends_;
  LazyConnection<RedisConnection> redis_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Waiter> waiters_;
  bool draining_ = false;
};

} // namespace itemize::sidecar::read
