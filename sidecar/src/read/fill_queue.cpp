#include "read/fill_queue.hpp"

#include "base/scope_exit.hpp"

#include <iterator>

namespace itemize::sidecar::read {

namespace {

/// How late a stop may be noticed while nobody waits.
constexpr std::chrono::milliseconds kIdle{200};

} // namespace

void FillQueue::Add(const std::string &type, const std::string &key, Wake wake) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    auto &keys = waiting_[type];
    if (keys.empty()) types_.push_back(type);
    keys[key].push_back(std::move(wake));
  }
  changed_.notify_one();
}

FillQueue::Batch FillQueue::Take() {
  Batch batch;
  std::unique_lock<std::mutex> lock(mutex_);
  if (types_.empty()) changed_.wait_for(lock, kIdle);
  if (types_.empty()) return batch;
  batch.type = std::move(types_.front());
  types_.pop_front();
  auto &keys = waiting_[batch.type];
  for (auto at = keys.begin(); at != keys.end() && batch.keys.size() < kMostKeys; at = keys.erase(at)) {
    batch.keys.push_back(at->first);
    std::move(at->second.begin(), at->second.end(), std::back_inserter(batch.wakes));
  }
  // Behind the other types, that one of many keys does not keep them waiting.
  if (keys.empty())
    waiting_.erase(batch.type);
  else
    types_.push_back(batch.type);
  return batch;
}

void FillQueue::Run(const StopToken &stop) {
  ItemReader reader(backends_);
  while (!stop.stopped()) {
    const Batch batch = Take();
    if (batch.keys.empty()) continue;
    const ScopeExit wake([&] {
      for (const Wake &waiting : batch.wakes)
        waiting();
    });
    // What came of it the requests find out by asking again: in the copy, or why it is not there.
    try {
      reader.Read(batch.type, batch.keys);
    } catch (const PostgresError &error) {
      backends_.services.log.Warning("fill_failed",
                                     {{"type", batch.type}, {"keys", batch.keys.size()}, {"error", error.what()}});
    }
  }
}

void FillQueue::Clear() {
  std::map<std::string, std::map<std::string, std::vector<Wake>>> dropped;
  const std::lock_guard<std::mutex> lock(mutex_);
  dropped.swap(waiting_);
  types_.clear();
}

} // namespace itemize::sidecar::read
