// What was used lately, by name, in bounded memory: two generations, of which the older is forgotten as a whole.
#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>
#include <utility>

namespace itemize::sidecar {

/// Not thread-safe. All in amortized constant time.
template <typename Value>
class RecentMap {
public:
  /// Holds the last `generation` names used, and up to twice as many.
  explicit RecentMap(std::size_t generation) : generation_(generation) {}

  /// Null when it is not here. Finding counts as using; valid until the next call.
  [[nodiscard]] Value *Find(const std::string &name) {
    if (const auto at = young_.find(name); at != young_.end()) return &at->second;
    const auto at = old_.find(name);
    if (at == old_.end()) return nullptr;
    Value value = std::move(at->second);
    old_.erase(at);
    return &Put(name, std::move(value));
  }
  Value &Put(const std::string &name, Value value) {
    if (young_.size() >= generation_) Age();
    old_.erase(name);
    return young_.insert_or_assign(name, std::move(value)).first->second;
  }
  void Erase(const std::string &name) {
    young_.erase(name);
    old_.erase(name);
  }
  void Clear() {
    young_.clear();
    old_.clear();
  }
  /// Forgets what was not used since the last time.
  void Age() { old_ = std::exchange(young_, {}); }
  [[nodiscard]] bool empty() const { return young_.empty() && old_.empty(); }

private:
  std::size_t generation_;
  std::unordered_map<std::string, Value> young_;
  std::unordered_map<std::string, Value> old_;
};

} // namespace itemize::sidecar
