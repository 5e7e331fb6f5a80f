#include "http/worker_pool.hpp"

namespace itemize::sidecar::http {

WorkerPool::WorkerPool(std::size_t workers, const MakeExchange &make) {
  for (std::size_t i = 0; i < workers; ++i)
    exchanges_.push_back(make());
  try {
    for (const auto &exchange : exchanges_)
      threads_.emplace_back([this, &exchange] { Run(*exchange); });
  } catch (...) {
    Stop(); // a thread that was started must be joined
    throw;
  }
}

WorkerPool::~WorkerPool() { Stop(); }

bool WorkerPool::Submit(Job job) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (stopped_ || jobs_.size() >= kMaxQueuedJobs) return false;
    jobs_.push_back(std::move(job));
  }
  changed_.notify_one();
  return true;
}

void WorkerPool::Stop() {
  std::deque<Job> dropped;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopped_ = true;
    dropped.swap(jobs_);
  }
  changed_.notify_all();
  for (std::thread &thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void WorkerPool::Run(Exchange &exchange) {
  while (true) {
    Job job;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [this] { return stopped_ || !jobs_.empty(); });
      if (stopped_) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job(exchange);
  }
}

} // namespace itemize::sidecar::http
