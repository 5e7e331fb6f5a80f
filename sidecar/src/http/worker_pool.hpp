// The few threads that answer requests. A connection is with one of them only while its answer is made.
#pragma once

#include "http/exchange.hpp"

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace itemize::sidecar::http {

class WorkerPool {
public:
  /// Runs on a worker with that worker's own exchange.
  using Job = std::function<void(Exchange &)>;
  /// Called once for each worker, before its thread starts.
  using MakeExchange = std::function<std::unique_ptr<Exchange>()>;

  /// Requests that may wait for a worker; beyond it the client is told to come back.
  static constexpr std::size_t kMaxQueuedJobs = 1000;

  WorkerPool(std::size_t workers, const MakeExchange &make);
  /// Stops.
  ~WorkerPool();
  WorkerPool(const WorkerPool &) = delete;
  WorkerPool &operator=(const WorkerPool &) = delete;

  /// False when too many wait, or after Stop.
  [[nodiscard]] bool Submit(Job job);

  /// Jobs begun are finished, jobs waiting are dropped; returns when the threads have ended.
  void Stop();

private:
  void Run(Exchange &exchange);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  bool stopped_ = false;
  std::vector<std::unique_ptr<Exchange>> exchanges_;
  std::vector<std::thread> threads_;
};

} // namespace itemize::sidecar::http
