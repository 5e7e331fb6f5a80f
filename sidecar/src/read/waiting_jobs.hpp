// Jobs that wait for one of a few threads: so many at most, and each so long at most. Who waits costs no thread.
#pragma once

#include "base/metrics.hpp"
#include "read/position_watch.hpp"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace itemize::sidecar::read {

/// Thread-safe.
template <typename Job>
class WaitingJobs {
public:
  using Clock = std::chrono::steady_clock;

  struct Waiting {
    std::shared_ptr<Job> job;
    Wake wake;
    /// Later than this the client is told to come back.
    Clock::time_point give_up;
  };

  /// `gauge`: how many wait.
  WaitingJobs(std::size_t most, prometheus::Gauge &gauge) : most_(most), gauge_(gauge) {}

  /// False when too many wait; then it takes nothing.
  [[nodiscard]] bool Add(const std::shared_ptr<Job> &job, Wake &wake, Clock::time_point give_up) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (waiting_.size() >= most_) return false;
    waiting_.push_back({job, std::move(wake), give_up});
    gauge_.Set(static_cast<double>(waiting_.size()));
    changed_.notify_one();
    return true;
  }

  /// The next one; nothing when for a moment there was none.
  [[nodiscard]] std::optional<Waiting> Take() {
    std::unique_lock<std::mutex> lock(mutex_);
    if (waiting_.empty()) changed_.wait_for(lock, kIdle);
    if (waiting_.empty()) return std::nullopt;
    Waiting taken = std::move(waiting_.front());
    waiting_.pop_front();
    gauge_.Set(static_cast<double>(waiting_.size()));
    return taken;
  }

  /// Drops who still waits.
  void Clear() {
    std::deque<Waiting> waiting;
    const std::lock_guard<std::mutex> lock(mutex_);
    waiting.swap(waiting_);
  }

private:
  /// How late a stop may be noticed while nobody waits.
  static constexpr std::chrono::milliseconds kIdle{200};

  const std::size_t most_;
  prometheus::Gauge &gauge_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Waiting> waiting_;
};

} // namespace itemize::sidecar::read
