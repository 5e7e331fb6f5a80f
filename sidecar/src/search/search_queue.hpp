// Searches that wait for one of a few connections of their own: however many come, fills keep theirs. A request that
// waits costs its connection to the client, and no thread.
#pragma once

#include "read/item_reader.hpp"
#include "read/waiting_jobs.hpp"
#include "search/search_source.hpp"

#include <memory>
#include <optional>

namespace itemize::sidecar::search {

/// A search on its way: what is asked, and then what came of it.
struct Job {
  Ask ask;
  /// What the answer must contain at least.
  std::optional<Position> floor;
  /// Of the rows.
  read::ReadDemand demand;

  Found found;
  /// Whether the type may be read, as of which position; then of the rows: status, and what is degraded.
  read::ReadResult reading;
};

/// Thread-safe.
class SearchQueue {
public:
  static constexpr std::size_t kMostWaiting = 64;

  explicit SearchQueue(read::ReadBackends &backends)
      : backends_(backends), metrics_(backends.services.metrics), waiting_(kMostWaiting, metrics_.waiting) {}

  /// Wakes when the job has been done, or refused because too many wait.
  void Add(const std::shared_ptr<Job> &job, read::Wake wake);
  /// Works until a stop; for as many threads as there may be searches at a time.
  void Run(const StopToken &stop);
  /// Drops who still waits.
  void Clear() { waiting_.Clear(); }

private:
  using Clock = read::WaitingJobs<Job>::Clock;

  void Do(SearchSource &source, read::ItemReader &reader, Job &job);

  read::ReadBackends &backends_;
  SearchMetrics metrics_;
  read::WaitingJobs<Job> waiting_;
};

} // namespace itemize::sidecar::search
