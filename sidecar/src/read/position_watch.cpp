#include "read/position_watch.hpp"

#include "read/min_position.hpp"

#include <algorithm>
#include <iterator>

namespace itemize::sidecar::read {

namespace {

/// Between two looks at the copy while somebody waits.
constexpr std::chrono::milliseconds kLookAgain{2};
/// How late a stop may be noticed while nobody does.
constexpr std::chrono::milliseconds kIdle{200};
const RedisTimeouts kRedisTimeouts{std::chrono::milliseconds(1000), std::chrono::milliseconds(1500)};

} // namespace

PositionWatch::PositionWatch(ReadBackends &backends)
    : backends_(backends),
      redis_([&backends] { return std::make_unique<RedisConnection>(backends.redis_endpoint, kRedisTimeouts); }) {}

void PositionWatch::Await(const Position &position, Clock::time_point deadline, Wake wake) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!draining_) {
      waiters_.push_back({position, deadline, std::move(wake)});
      wake = nullptr;
    }
  }
  if (wake) return wake();
  changed_.notify_one();
}

template <typename Ends>
void PositionWatch::WakeWhere(Ends ends) {
  std::vector<Waiter> ended;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto first =
        std::stable_partition(waiters_.begin(), waiters_.end(), [&](const Waiter &waiter) { return !ends(waiter); });
    ended.assign(std::make_move_iterator(first), std::make_move_iterator(waiters_.end()));
    waiters_.erase(first, waiters_.end());
  }
  for (const Waiter &waiter : ended)
    waiter.wake();
}

void PositionWatch::Run(const StopToken &stop) {
  while (!stop.stopped()) {
    {
      std::unique_lock<std::mutex> lock(mutex_);
      if (waiters_.empty()) {
        changed_.wait_for(lock, kIdle);
        continue;
      }
    }
    std::optional<LocalRead> copy;
    try {
      copy = backends_.local.ReadPosition(redis_.Get());
    } catch (const RedisError &) {
      redis_.Drop();
    }
    const auto now = Clock::now();
    WakeWhere([&](const Waiter &waiter) {
      // Without a copy there is nothing to wait for; whoever asked finds out how that is answered.
      return !copy || now >= waiter.deadline ||
             ReachedBy(waiter.position, *copy->position, copy->complete) != PositionReached::kNotYet;
    });
    stop.WaitFor(kLookAgain);
  }
}

void PositionWatch::Drain() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    draining_ = true;
  }
  WakeWhere([](const Waiter &) { return true; });
}

void PositionWatch::Clear() {
  std::vector<Waiter> dropped;
  const std::lock_guard<std::mutex> lock(mutex_);
  dropped.swap(waiters_);
}

} // namespace itemize::sidecar::read
