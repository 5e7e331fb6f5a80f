// Delays between attempts: doubling, with jitter, so that many processes which lost the same server
// do not come back in step.
#pragma once

#include <algorithm>
#include <chrono>
#include <random>

namespace itemize::sidecar {

inline constexpr std::chrono::milliseconds kBackoffFirst{100};
inline constexpr std::chrono::milliseconds kBackoffLongest{5000};

class Backoff {
public:
  explicit Backoff(std::chrono::milliseconds first = kBackoffFirst, std::chrono::milliseconds longest = kBackoffLongest)
      : first_(first), longest_(longest), next_(first), random_(std::random_device{}()) {}

  /// The next delay: between half and all of first, 2 first, 4 first, … up to the longest.
  std::chrono::milliseconds Next() {
    std::uniform_int_distribution<std::chrono::milliseconds::rep> jitter(next_.count() / 2, next_.count());
    const std::chrono::milliseconds delay{jitter(random_)};
    next_ = std::min(next_ * 2, longest_);
    return delay;
  }

  /// To be called once the thing works again.
  void Reset() { next_ = first_; }

private:
  std::chrono::milliseconds first_;
  std::chrono::milliseconds longest_;
  std::chrono::milliseconds next_;
  std::minstd_rand random_;
};

} // namespace itemize::sidecar
