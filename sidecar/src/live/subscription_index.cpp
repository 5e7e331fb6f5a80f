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
    if (!interest.key) whole.insert(interest.type);
  }
  std::vector<Interest> normalized;
  std::unordered_set<std::string> seen;
  for (Interest &interest : interests) {
    if (interest.key && whole.count(interest.type) > 0) continue;
    if (!seen.insert(interest.type + '/' + interest.key.value_or("*")).second) continue;
    normalized.push_back(std::move(interest));
  }
  return normalized;
}

void SubscriptionIndex::Add(Subscriber *subscriber, const std::vector<Interest> &interests) {
  for (const Interest &interest : interests) {
    TypeEntry &entry = types_[interest.type];
    (interest.key ? entry.keys[*interest.key] : entry.whole).push_back(subscriber);
  }
}

void SubscriptionIndex::Remove(Subscriber *subscriber, const std::vector<Interest> &interests) {
  for (const Interest &interest : interests) {
    const auto type = types_.find(interest.type);
    if (type == types_.end()) continue; // removed with RemoveType
    TypeEntry &entry = type->second;
    if (!interest.key) {
      Erase(entry.whole, subscriber);
    } else if (const auto key = entry.keys.find(*interest.key); key != entry.keys.end()) {
      Erase(key->second, subscriber);
      if (key->second.empty()) entry.keys.erase(key);
    }
    if (entry.whole.empty() && entry.keys.empty()) types_.erase(type);
  }
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
  return {once.begin(), once.end()};
}

} // namespace itemize::sidecar::live
