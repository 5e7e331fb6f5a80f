// Keeps a line of the log that anybody can bring about, as often as he likes, from filling it.
#pragma once

#include <chrono>
#include <iterator>
#include <mutex>
#include <string>
#include <unordered_map>

namespace itemize::sidecar::read {

/// Thread-safe.
class SaidLately {
public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::minutes kInterval{1};
  /// Subjects in an interval; what comes beyond them is not said.
  static constexpr std::size_t kMostSubjects = 1000;

  /// Whether to say it: once an interval of one subject.
  bool MaySay(const std::string &subject, Clock::time_point now = Clock::now()) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto known = said_.find(subject);
    if (known != said_.end() && now - known->second < kInterval) return false;
    if (known == said_.end() && said_.size() >= kMostSubjects) {
      for (auto at = said_.begin(); at != said_.end();)
        at = now - at->second < kInterval ? std::next(at) : said_.erase(at);
      if (said_.size() >= kMostSubjects) return false;
    }
    said_[subject] = now;
    return true;
  }

private:
  std::mutex mutex_;
  std::unordered_map<std::string, Clock::time_point> said_;
};

} // namespace itemize::sidecar::read
