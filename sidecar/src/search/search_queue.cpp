#include "search/search_queue.hpp"

#include "base/scope_exit.hpp"

namespace itemize::sidecar::search {

void SearchQueue::Add(const std::shared_ptr<Job> &job, read::Wake wake) {
  if (waiting_.Add(job, wake, Clock::now() + backends_.options.search_timeout)) return;
  metrics_.refused.Increment();
  job->found.outcome = Outcome::kBusy;
  wake();
}

void SearchQueue::Run(const StopToken &stop) {
  SearchSource source(backends_, metrics_);
  read::ItemReader reader(backends_);
  while (!stop.stopped()) {
    const auto taken = waiting_.Take();
    if (!taken) continue;
    // Whatever comes of it, the client is answered.
    const ScopeExit answer([&] { taken->wake(); });
    taken->job->found.outcome = Outcome::kFailed;
    if (Clock::now() >= taken->give_up) {
      metrics_.refused.Increment();
      taken->job->found.outcome = Outcome::kBusy;
      continue;
    }
    Do(source, reader, *taken->job);
  }
}

void SearchQueue::Do(SearchSource &source, read::ItemReader &reader, Job &job) {
  try {
    Found found = source.Run(job.ask, job.floor);
    if (found.outcome == Outcome::kOk && !found.hits.empty()) {
      std::vector<std::string> keys;
      keys.reserve(found.hits.size());
      for (const Hit &hit : found.hits)
        keys.push_back(hit.key);
      // Through the copy, and into it: what is shown here never goes back, and is there for the next read.
      read::ReadDemand demand = job.demand;
      demand.may_leave_out = true;
      read::ReadResult read = reader.ReadSome(job.ask.type, keys, demand);
      if (read.status == read::ReadResult::Status::kOk && read.rows.size() < found.hits.size()) {
        found.hits.resize(read.rows.size());
        found.next = found.hits.back().cursor;
      }
      for (std::size_t i = 0; i < read.rows.size(); ++i)
        found.hits[i].row = std::move(read.rows[i]);
      for (const std::size_t place : read.unencodable)
        found.hits[place].unencodable = true;
      for (const std::size_t place : read.contended)
        found.hits[place].contended = true;
      job.reading.status = read.status;
      job.reading.rule = std::move(read.rule);
      job.reading.without_redis = job.reading.without_redis || read.without_redis;
      job.reading.stale = job.reading.stale || read.stale;
    }
    job.found = std::move(found);
  } catch (const Stopped &) {
    job.found.outcome = Outcome::kBusy;
  } catch (const std::exception &error) {
    backends_.services.log.Error("search_failed", {{"type", job.ask.type}, {"error", error.what()}});
  }
}

} // namespace itemize::sidecar::search
