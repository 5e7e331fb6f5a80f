#include "timeline.hpp"

#include <algorithm>

namespace itemize::faults {

Timeline::Timeline(const History &history) : history_(history) {
  for (const Write &write : history.writes)
    Place(write);
  for (auto &[key, chain] : chains_) {
    std::sort(chain.begin(), chain.end(),
              [](const ChainEntry &a, const ChainEntry &b) { return a.version() < b.version(); });
  }
}

std::optional<bool> Timeline::Had(std::size_t number, Number version) const {
  if (number >= history_.had.size() || history_.had[number].empty()) return std::nullopt;
  return history_.had[number].count(version) > 0;
}

void Timeline::Place(const Write &write) {
  if (write.outcome == Outcome::kRolledBack) {
    fates_[write.version] = Fate::kNotCommitted;
    return;
  }
  ChainEntry entry;
  entry.write = &write;
  entry.born = HistoryAt(write.begin);
  entry.certain = write.outcome == Outcome::kCommitted || Had(entry.born, write.version).value_or(false);
  // The look at the own history was taken when it began; at those that follow, it is complete.
  for (std::size_t number = entry.born + 1; number <= last_history(); ++number) {
    if (Had(number, write.version).value_or(true)) {
      entry.certain = entry.certain || Had(number, write.version).has_value();
      continue;
    }
    entry.lost = number;
    break;
  }
  if (!entry.certain && entry.lost == kNever) {
    fates_[write.version] = Fate::kNotCommitted;
    return;
  }
  fates_[write.version] = Fate::kPossible;
  if (entry.lost != kNever) lost_[write.version] = entry.lost;
  for (const KeyChange &change : write.changes) {
    entry.change = &change;
    chains_[change.key].push_back(entry);
  }
}

const Chain &Timeline::Of(const std::string &key) const {
  static const Chain kEmpty;
  const auto at = chains_.find(key);
  return at == chains_.end() ? kEmpty : at->second;
}

Timeline::Fate Timeline::FateOf(Number version) const {
  const auto at = fates_.find(version);
  return at == fates_.end() ? Fate::kUnheardOf : at->second;
}

std::size_t Timeline::LostIn(Number version) const {
  const auto at = lost_.find(version);
  return at == lost_.end() ? kNever : at->second;
}

std::size_t Timeline::HistoryAt(Time time) const {
  std::size_t number = 0;
  while (number < history_.gone_back.size() && history_.gone_back[number].stopped <= time)
    ++number;
  return number;
}

std::size_t Timeline::HistoryOf(const Epoch &epoch) const {
  std::size_t number = 0;
  while (number < history_.gone_back.size() && history_.gone_back[number].generation < epoch.slot_generation)
    ++number;
  return number;
}

std::size_t IndexOf(const Chain &chain, Number version) {
  const auto at = std::lower_bound(chain.begin(), chain.end(), version,
                                   [](const ChainEntry &entry, Number wanted) { return entry.version() < wanted; });
  return static_cast<std::size_t>(at - chain.begin());
}

} // namespace itemize::faults
