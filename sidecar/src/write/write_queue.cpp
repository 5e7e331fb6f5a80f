#include "write/write_queue.hpp"

#include "base/scope_exit.hpp"

namespace itemize::sidecar::write {

void WriteQueue::Add(const std::shared_ptr<Job> &job, read::Wake wake) {
  if (waiting_.Add(job, wake, Clock::now() + backends_.options.write_timeout)) return;
  metrics_.refused.Increment();
  job->done.outcome = Outcome::kBusy;
  wake();
}

void WriteQueue::Run(const StopToken &stop) {
  Writer writer(backends_, metrics_);
  while (!stop.stopped()) {
    const auto taken = waiting_.Take();
    if (!taken) continue;
    // Whatever comes of it, the client is answered.
    const ScopeExit answer([&] { taken->wake(); });
    Job &job = *taken->job;
    if (Clock::now() >= taken->give_up) {
      metrics_.refused.Increment();
      job.done.outcome = Outcome::kBusy;
      continue;
    }
    try {
      job.done = writer.Run(job.ask);
    } catch (const Stopped &) {
      job.done.outcome = Outcome::kBusy; // before its commit
    } catch (const std::exception &error) {
      backends_.services.log.Error("write_failed", {{"type", job.ask.changes.front().type}, {"error", error.what()}});
    }
  }
}

} // namespace itemize::sidecar::write
