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
    const auto taken = taken_.find(type);
    if (taken != taken_.end()) {
      const auto at = taken->second.find(key);
      if (at != taken->second.end()) return at->second.push_back(std::move(wake));
    }
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
  Waiting &keys = waiting_[batch.type];
  Waiting &taken = taken_[batch.type];
  while (!keys.empty() && batch.keys.size() < kMostKeys) {
    batch.keys.push_back(keys.begin()->first);
    taken.insert(keys.extract(keys.begin()));
  }
  // Behind the other types, that one of many keys does not keep them waiting.
  if (keys.empty())
    waiting_.erase(batch.type);
  else
    types_.push_back(batch.type);
  return batch;
}

void FillQueue::Finish(const Batch &batch) {
  std::vector<Wake> wakes;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto taken = taken_.find(batch.type);
    if (taken == taken_.end()) return;
    for (const std::string &key : batch.keys) {
      const auto at = taken->second.find(key);
      if (at == taken->second.end()) continue;
      std::move(at->second.begin(), at->second.end(), std::back_inserter(wakes));
      taken->second.erase(at);
    }
    if (taken->second.empty()) taken_.erase(taken);
  }
  for (const Wake &wake : wakes)
    wake();
}

void FillQueue::Run(const StopToken &stop) {
  ItemReader reader(backends_);
  ReadDemand demand;
  // For whoever asked: each is told what he may see when he asks again.
  demand.viewer = authorization::Viewer::Itself();
  while (!stop.stopped()) {
    const Batch batch = Take();
    if (batch.keys.empty()) continue;
    const ScopeExit finish([&] { Finish(batch); });
    // What came of it the requests find out by asking again: in the copy, or why it is not there.
    try {
      reader.Read(batch.type, batch.keys, demand);
    } catch (const PostgresError &error) {
      backends_.services.log.Warning("fill_failed",
                                     {{"type", batch.type}, {"keys", batch.keys.size()}, {"error", error.what()}});
    }
  }
}

void FillQueue::Clear() {
  std::map<std::string, Waiting> waiting;
  std::map<std::string, Waiting> taken;
  const std::lock_guard<std::mutex> lock(mutex_);
  waiting.swap(waiting_);
  taken.swap(taken_);
  types_.clear();
}

} // namespace itemize::sidecar::read
