#include "read/shown_uncached.hpp"

namespace itemize::sidecar::read {

void ShownUncached::Add(const std::string &type, const std::vector<std::string> &keys) {
  if (keys.empty()) return;
  const std::lock_guard<std::mutex> lock(mutex_);
  OfType &shown = types_[type];
  ++number_;
  empty_ = false;
  for (const std::string &key : keys) {
    if (shown.whole != 0) break;
    if (shown.keys.insert_or_assign(key, number_).second) bytes_ += key.size();
    if (bytes_ <= most_bytes_) continue;
    for (const auto &[other, number] : shown.keys)
      bytes_ -= other.size();
    shown.keys.clear();
    shown.whole = number_;
  }
  if (shown.whole != 0) shown.whole = number_;
}

std::optional<ShownUncached::Due> ShownUncached::DueOf(const std::string &type,
                                                       const std::vector<std::string> &keys) const {
  if (empty_) return std::nullopt;
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto at = types_.find(type);
  if (at == types_.end()) return std::nullopt;
  Due due{type, at->second.whole != 0, {}, number_};
  for (const std::string &key : keys) {
    if (at->second.keys.count(key) > 0) due.keys.push_back(key);
  }
  if (!due.whole && due.keys.empty()) return std::nullopt;
  return due;
}

std::optional<ShownUncached::Due> ShownUncached::DueOfAny(std::size_t most) const {
  if (empty_) return std::nullopt;
  const std::lock_guard<std::mutex> lock(mutex_);
  if (types_.empty()) return std::nullopt;
  const auto &[type, shown] = *types_.begin();
  Due due{type, shown.whole != 0, {}, number_};
  for (const auto &[key, number] : shown.keys) {
    if (due.keys.size() >= most) break;
    due.keys.push_back(key);
  }
  return due;
}

void ShownUncached::Forgotten(const Due &due) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto at = types_.find(due.type);
  if (at == types_.end()) return;
  OfType &shown = at->second;
  if (due.whole && shown.whole <= due.up_to) shown.whole = 0;
  for (const std::string &key : due.keys) {
    const auto found = shown.keys.find(key);
    if (found == shown.keys.end() || found->second > due.up_to) continue;
    bytes_ -= key.size();
    shown.keys.erase(found);
  }
  if (shown.whole == 0 && shown.keys.empty()) types_.erase(at);
  empty_ = types_.empty();
}

} // namespace itemize::sidecar::read
