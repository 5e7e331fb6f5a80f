#include "live/subscription_index.hpp"

#include <algorithm>
#include <unordered_set>

namespace itemize::sidecar::live {

namespace {

void Erase(std::vector<Subscriber *> &subscribers, Subscriber *subscriber) {
  const auto at = std::find(subscribers.begin(), subscribers.end(), subscriber);
  if (at == subscribers.end()) return;
  *at = subscribers.back(); // order means nothing here
  subscribers.pop_back();
}

} // namespace

std::vector<Interest> Normalized(std::vector<Interest> interests) {
  std::unordered_set<std::string> whole;
  for (const Interest &interest : interests) {
    if (!interest.key && !interest.filter) whole.insert(interest.type);
  }
  std::vector<Interest> normalized;
  std::unordered_set<std::string> seen;
  for (Interest &interest : interests) {
    if (interest.key && whole.count(interest.type) > 0) continue;
    const std::string what = interest.filter ? '?' + interest.filter->canonical() : interest.key.value_or("*");
    if (!seen.insert(interest.type + '/' + what).second) continue;
    normalized.push_back(std::move(interest));
  }
  return normalized;
}

void SubscriptionIndex::Add(Subscriber *subscriber, const std::vector<Interest> &interests) {
  for (const Interest &interest : interests) {
    TypeEntry &entry = types_[interest.type];
    if (interest.filter) {
      entry.filtered[entry.filters.Add(interest.filter).get()].push_back(subscriber);
      continue;
    }
    (interest.key ? entry.keys[*interest.key] : entry.whole).push_back(subscriber);
  }
}

void SubscriptionIndex::Remove(Subscriber *subscriber, const std::vector<Interest> &interests) {
  for (const Interest &interest : interests) {
    const auto type = types_.find(interest.type);
    if (type == types_.end()) continue; // removed with RemoveType
    TypeEntry &entry = type->second;
    if (interest.filter) {
      RemoveFiltered(entry, subscriber, *interest.filter);
    } else if (!interest.key) {
      Erase(entry.whole, subscriber);
    } else if (const auto key = entry.keys.find(*interest.key); key != entry.keys.end()) {
      Erase(key->second, subscriber);
      if (key->second.empty()) entry.keys.erase(key);
    }
    if (entry.whole.empty() && entry.keys.empty() && entry.filtered.empty()) types_.erase(type);
  }
}

void SubscriptionIndex::RemoveFiltered(TypeEntry &entry, Subscriber *subscriber, const matching::Filter &filter) {
  const auto standing = entry.filters.Find(filter);
  const auto at = entry.filtered.find(standing.get());
  if (at == entry.filtered.end()) return;
  const std::size_t before = at->second.size();
  Erase(at->second, subscriber);
  if (at->second.size() == before) return; // not in the index
  if (at->second.empty()) entry.filtered.erase(at);
  entry.filters.Remove(filter);
}

SubscriptionIndex::Matched SubscriptionIndex::Match(const Change &change) {
  Matched matched;
  const auto found = types_.find(std::string(change.type));
  if (found == types_.end() || found->second.filtered.empty()) return matched;
  TypeEntry &entry = found->second;
  const auto judged = entry.filters.Match(change);
  if (!judged.told) {
    matched.told = false;
    matched.unknown = FindFiltered(change.type);
    return matched;
  }
  for (const auto &[filter, outcome] : judged.filters) {
    auto &subscribers = outcome == matching::Outcome::kEntered   ? matched.entered
                        : outcome == matching::Outcome::kChanged ? matched.changed
                                                                 : matched.left;
    const Subscribers &of_filter = entry.filtered.at(filter);
    subscribers.insert(subscribers.end(), of_filter.begin(), of_filter.end());
  }
  return matched;
}

std::vector<Subscriber *> SubscriptionIndex::FindFiltered(std::string_view type) const {
  const auto found = types_.find(std::string(type));
  if (found == types_.end()) return {};
  std::unordered_set<Subscriber *> once;
  for (const auto &[filter, subscribers] : found->second.filtered)
    once.insert(subscribers.begin(), subscribers.end());
  return {once.begin(), once.end()};
}

std::vector<std::string> SubscriptionIndex::FilteredTypes() const {
  std::vector<std::string> types;
  for (const auto &[type, entry] : types_) {
    if (!entry.filtered.empty()) types.push_back(type);
  }
  return types;
}

std::shared_ptr<const matching::Filter>
SubscriptionIndex::Shared(std::shared_ptr<const matching::Filter> filter) const {
  const auto type = types_.find(filter->facts().type);
  if (type == types_.end()) return filter;
  auto standing = type->second.filters.Find(*filter);
  return standing && standing->facts().generation == filter->facts().generation ? standing : filter;
}

std::vector<Subscriber *> SubscriptionIndex::RemoveType(std::string_view type) {
  auto subscribers = FindType(type);
  types_.erase(std::string(type));
  return subscribers;
}

std::vector<Subscriber *> SubscriptionIndex::Find(std::string_view type, std::string_view key) const {
  const auto found = types_.find(std::string(type));
  if (found == types_.end()) return {};
  Subscribers subscribers = found->second.whole;
  const auto at = found->second.keys.find(std::string(key));
  if (at != found->second.keys.end()) subscribers.insert(subscribers.end(), at->second.begin(), at->second.end());
  return subscribers;
}

std::vector<Subscriber *> SubscriptionIndex::FindType(std::string_view type) const {
  const auto found = types_.find(std::string(type));
  if (found == types_.end()) return {};
  std::unordered_set<Subscriber *> once(found->second.whole.begin(), found->second.whole.end());
  for (const auto &[key, subscribers] : found->second.keys)
    once.insert(subscribers.begin(), subscribers.end());
  for (const auto &[filter, subscribers] : found->second.filtered)
    once.insert(subscribers.begin(), subscribers.end());
  return {once.begin(), once.end()};
}

} // namespace itemize::sidecar::live
