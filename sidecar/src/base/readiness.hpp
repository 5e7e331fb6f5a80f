// Which parts of the process do their work right now. main announces "ready" when all do for the
// first time; /readyz answers from it.
#pragma once

#include <map>
#include <mutex>
#include <string>

namespace itemize::sidecar {

/// Thread-safe.
class Readiness {
public:
  /// A part that takes part in AllReady; not ready at first.
  void Register(const std::string &part) { Set(part, false); }

  void Set(const std::string &part, bool ready) {
    const std::lock_guard<std::mutex> lock(mutex_);
    parts_[part] = ready;
  }

  [[nodiscard]] bool AllReady() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const auto &[part, ready] : parts_) {
      if (!ready) return false;
    }
    return true;
  }

  [[nodiscard]] std::map<std::string, bool> Snapshot() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return parts_;
  }

private:
  mutable std::mutex mutex_;
  std::map<std::string, bool> parts_;
};

} // namespace itemize::sidecar
