// How many requests a name (a token, a caller, an address) makes: a token bucket for each, in bounded memory.
#pragma once

#include "base/recent_map.hpp"
#include "identity/identity.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <mutex>
#include <string>

namespace itemize::sidecar::http {

/// Thread-safe, each request in constant time. Names that were not used for long are forgotten: their buckets would be
/// full again, or there are more of them than can be told apart.
class Limiter {
public:
  using Clock = std::chrono::steady_clock;

  /// Tells at least so many names apart, and at most twice as many.
  explicit Limiter(std::size_t names = 50000) : buckets_(names) {}

  /// Takes one request of `name`, if there is room: 0 then; else the seconds, at least 1, until there is.
  [[nodiscard]] int Take(const std::string &name, const identity::Rate &rate, Clock::time_point now = Clock::now()) {
    const double room = std::max(1.0, rate.burst);
    const std::lock_guard<std::mutex> lock(mutex_);
    Bucket *bucket = buckets_.Find(name);
    if (bucket == nullptr) bucket = &buckets_.Put(name, {room, now});
    const std::chrono::duration<double> passed = now - bucket->at;
    bucket->left = std::min(room, bucket->left + std::max(0.0, passed.count()) * rate.per_second);
    bucket->at = now;
    if (bucket->left >= 1) {
      bucket->left -= 1;
      return 0;
    }
    constexpr double kLongest = 3600;
    return static_cast<int>(std::ceil(std::clamp((1 - bucket->left) / rate.per_second, 1.0, kLongest)));
  }

private:
  struct Bucket {
    double left = 0;
    Clock::time_point at;
  };

  std::mutex mutex_;
  RecentMap<Bucket> buckets_;
};

} // namespace itemize::sidecar::http
