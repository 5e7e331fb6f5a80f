#include "live/facts_cache.hpp"

#include <optional>
#include <utility>

namespace itemize::sidecar::live {

namespace {

/// A table's replica identity can change without a new definition.
constexpr std::chrono::seconds kTrusted{60};
/// Somebody may just be giving it the right one.
constexpr std::chrono::seconds kTrustedRefusal{1};
/// For the answer to another's question, and after one that was asked in vain.
constexpr std::chrono::seconds kWait{1};
constexpr std::chrono::seconds kPause{1};

} // namespace

FactsCache::Answer FactsCache::Get(read::ItemReader &reader, const std::string &type, std::uint64_t generation) {
  std::unique_lock<std::mutex> lock(mutex_);
  const auto known = [&] {
    const auto &facts = known_[type].facts;
    return facts && facts->generation == generation ? facts : nullptr;
  };
  // Somebody asks already: his answer is waited for where nothing is known, but not of a database that fails to answer.
  const auto answered = [&] { return !known_[type].asking; };
  if (!answered() && !known() && !known_[type].failed) changed_.wait_for(lock, kWait, answered);
  const Known &entry = known_[type];
  if (const auto facts = known()) {
    const auto trusted = facts->missing_identity.empty() ? kTrusted : kTrustedRefusal;
    if (entry.asking || Clock::now() - entry.asked < trusted) return {Status::kOk, facts};
  } else if (entry.asking || (entry.failed && Clock::now() - entry.asked < kPause)) {
    return {Status::kNotReady, nullptr};
  }
  known_[type].asking = true;
  lock.unlock();
  std::optional<matching::TypeFacts> facts;
  Status status = Status::kUnavailable;
  try {
    status = reader.ReadFacts(type, facts);
  } catch (...) {
    Note(type, nullptr);
    throw;
  }
  const bool fits = status == Status::kOk && facts && facts->generation == generation;
  Note(type, fits ? std::make_shared<const matching::TypeFacts>(*std::move(facts)) : nullptr);
  lock.lock();
  // What was known of this definition holds: the database may be ahead of the cluster.
  if (const auto shared = known()) return {Status::kOk, shared};
  return {status == Status::kOk ? Status::kNotReady : status, nullptr};
}

void FactsCache::Note(const std::string &type, std::shared_ptr<const matching::TypeFacts> facts) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    Known &entry = known_[type];
    entry.asking = false;
    entry.asked = Clock::now();
    entry.failed = facts == nullptr;
    if (facts) {
      const bool told = entry.facts && entry.facts->missing_identity == facts->missing_identity;
      if (!facts->missing_identity.empty() && !told)
        log_.Warning("live_filter_refused", {{"type", type}, {"statements", facts->missing_identity}});
      entry.facts = std::move(facts);
    }
  }
  changed_.notify_all();
}

} // namespace itemize::sidecar::live
