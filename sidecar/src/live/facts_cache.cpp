#include "live/facts_cache.hpp"

#include <optional>
#include <utility>

namespace itemize::sidecar::live {

namespace {

/// A table's replica identity can change without a new definition.
constexpr std::chrono::seconds kTrusted{60};
/// Somebody may just be giving it the right one.
constexpr std::chrono::seconds kTrustedRefusal{1};

} // namespace

FactsCache::Answer FactsCache::Get(read::ItemReader &reader, const std::string &type, std::uint64_t generation) {
  // Held while the database is asked: who else wants to know waits for that answer.
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto at = known_.find(type);
  const bool known = at != known_.end() && at->second.facts->generation == generation;
  if (known) {
    const auto trusted = at->second.facts->missing_identity.empty() ? kTrusted : kTrustedRefusal;
    if (Clock::now() - at->second.asked < trusted) return {Status::kOk, at->second.facts};
  }
  std::optional<matching::TypeFacts> facts;
  const Status status = reader.ReadFacts(type, facts);
  if (status != Status::kOk) return known ? Answer{Status::kOk, at->second.facts} : Answer{status, nullptr};
  if (!facts || facts->generation != generation) return {Status::kNotReady, nullptr};
  auto shared = std::make_shared<const matching::TypeFacts>(*std::move(facts));
  if (!shared->missing_identity.empty() && !(known && at->second.facts->missing_identity == shared->missing_identity))
    log_.Warning("live_filter_refused", {{"type", type}, {"statements", shared->missing_identity}});
  known_[type] = {shared, Clock::now()};
  return {Status::kOk, std::move(shared)};
}

} // namespace itemize::sidecar::live
