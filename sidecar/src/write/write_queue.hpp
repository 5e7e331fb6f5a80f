// Writes that wait for one of a few connections. A request that waits costs its connection to the client, and no
// thread.
#pragma once

#include "read/waiting_jobs.hpp"
#include "write/ask.hpp"
#include "write/writer.hpp"

#include <memory>

namespace itemize::sidecar::write {

struct Job {
  Ask ask;
  Done done;
};

/// Thread-safe.
class WriteQueue {
public:
  static constexpr std::size_t kMostWaiting = 64;

  explicit WriteQueue(read::ReadBackends &backends)
      : backends_(backends), metrics_(backends.services.metrics), waiting_(kMostWaiting, metrics_.waiting) {}

  /// Whether there is a database to write to.
  [[nodiscard]] bool on() const { return !backends_.options.write_database.empty(); }

  /// Wakes when the job has been done, or refused because too many wait.
  void Add(const std::shared_ptr<Job> &job, read::Wake wake);
  /// Works until a stop; for as many threads as there may be writes at a time.
  void Run(const StopToken &stop);
  /// Drops who still waits.
  void Clear() { waiting_.Clear(); }

private:
  using Clock = read::WaitingJobs<Job>::Clock;

  read::ReadBackends &backends_;
  WriteMetrics metrics_;
  read::WaitingJobs<Job> waiting_;
};

} // namespace itemize::sidecar::write
