// What all threads of the workload share: the file of the history, the random numbers' seed, and when to stop.
#pragma once

#include "itemize/lsn.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace itemize::faults {

/// Microseconds of the clock that CLOCK_MONOTONIC is for everybody on this machine.
inline std::int64_t Now() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

inline void Pause(std::int64_t milliseconds) { std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds)); }

class Recorder {
public:
  explicit Recorder(const char *path) : file_(std::fopen(path, "a")) {}
  Recorder(const Recorder &) = delete;
  Recorder &operator=(const Recorder &) = delete;
  ~Recorder() {
    if (file_ != nullptr) std::fclose(file_);
  }

  [[nodiscard]] bool ok() const { return file_ != nullptr; }

  /// One record, without its line end.
  void Write(std::string line) {
    line.push_back('\n');
    const std::lock_guard<std::mutex> lock(mutex_);
    std::fwrite(line.data(), 1, line.size(), file_);
  }
  void Flush() {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::fflush(file_);
  }

private:
  std::mutex mutex_;
  std::FILE *file_;
};

struct Workload {
  Workload(const char *path, std::string conninfo, std::uint64_t first_seed)
      : record(path), database(std::move(conninfo)), seed(first_seed) {}

  Recorder record;
  std::string database;
  std::uint64_t seed;
  std::atomic<std::uint64_t> version{0}; ///< the last one taken
  std::uint64_t final_version = 0;       ///< that of the last transaction of all, which changed every key
  std::optional<Position> last_position; ///< of its last change; both are set before `running` ends
  std::atomic<bool> writing{true};
  std::atomic<bool> running{true};
};

/// Keys are the numbers from 1 to this.
inline constexpr int kKeys = 40;

/// Those of the other type, whose rows are written together: more in one transaction than a copy applies in one step.
inline constexpr int kBulkKeys = 600;
/// Their keys in a history are this and the number.
inline constexpr const char *kBulkPrefix = "bulk/";

} // namespace itemize::faults
