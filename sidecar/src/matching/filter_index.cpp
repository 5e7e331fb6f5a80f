#include "matching/filter_index.hpp"

#include "matching/order_key.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace itemize::sidecar::matching {

namespace {

using Kind = Condition::Kind;

constexpr double kTurn = 360;
constexpr double kHalfTurn = 180;

struct Interval {
  std::uint64_t low;
  std::uint64_t high;
};

Interval CoarseInterval(const Condition &range) {
  const Interval interval{CoarseKey(*range.low), CoarseKey(*range.high)};
  return {interval.low, std::max(interval.low, interval.high)}; // one that is empty has a place as well
}

/// The lowest at which the interval lies in one cell, or in two neighbours.
unsigned LevelOf(const Interval &interval) {
  unsigned level = 0;
  while ((interval.high >> level) - (interval.low >> level) > 1)
    ++level;
  return level;
}

bool HasTwoEnds(const Condition &range) { return range.low && range.high; }

std::uint32_t TileOf(double degrees, unsigned level) {
  const double tiles = std::ldexp(1.0, static_cast<int>(level));
  return static_cast<std::uint32_t>(std::clamp((degrees + kHalfTurn) / kTurn * tiles, 0.0, tiles - 1));
}

struct Tiles {
  std::uint32_t west;
  std::uint32_t east;
  std::uint32_t south;
  std::uint32_t north;

  [[nodiscard]] std::uint64_t count() const {
    return (std::uint64_t{east} - west + 1) * (std::uint64_t{north} - south + 1);
  }
};

Tiles TilesOf(const Box &box, unsigned level) {
  return {TileOf(box.west, level), TileOf(box.east, level), TileOf(box.south, level), TileOf(box.north, level)};
}

/// The highest whose tiles are no smaller than the box.
unsigned TileLevelOf(const Box &box, unsigned levels) {
  const double size = std::max(box.east - box.west, box.north - box.south);
  unsigned level = 0;
  while (level + 1 < levels && kTurn / std::ldexp(1.0, static_cast<int>(level) + 1) >= size)
    ++level;
  return level;
}

constexpr unsigned kTileBits = 32;
std::uint64_t TileKey(std::uint32_t x, std::uint32_t y) { return (std::uint64_t{x} << kTileBits) | y; }

template <typename Visit>
void ForEachTile(const Tiles &tiles, Visit visit) {
  for (std::uint32_t x = tiles.west; x <= tiles.east; ++x) {
    for (std::uint32_t y = tiles.south; y <= tiles.north; ++y)
      visit(TileKey(x, y));
  }
}

template <typename Map>
std::size_t SizeAt(const Map &map, const typename Map::key_type &key) {
  const auto at = map.find(key);
  return at == map.end() ? 0 : at->second.size();
}

template <typename Entry>
void EraseFrom(std::multimap<std::uint64_t, Entry *> &sorted, std::uint64_t key, Entry *entry) {
  const auto [begin, end] = sorted.equal_range(key);
  for (auto at = begin; at != end; ++at) {
    if (at->second != entry) continue;
    sorted.erase(at);
    return;
  }
}

} // namespace

template <typename Index, typename File>
void FilterIndex::ForEachPlace(Index &index, const Condition &condition, File file) {
  switch (condition.kind) {
  case Kind::kIn:
  case Kind::kIsTrue:
    for (const std::string &key : condition.keys)
      file(index.equal, key);
    return;
  case Kind::kRange: {
    const Interval interval = CoarseInterval(condition);
    const unsigned level = LevelOf(interval);
    auto &cells = index.between.cells.at(level);
    file(cells, interval.low >> level);
    if (interval.high >> level != interval.low >> level) file(cells, interval.high >> level);
    return;
  }
  default: break;
  }
  for (const Box &box : condition.boxes) {
    const unsigned level = TileLevelOf(box, kTileLevels);
    ForEachTile(TilesOf(box, level), [&](std::uint64_t tile) { file(index.tiles.at(level), tile); });
  }
}

std::optional<std::size_t> FilterIndex::Crowd(const Condition &condition) const {
  if (condition.kind == Kind::kNot) return std::nullopt;
  if (condition.kind == Kind::kOr || condition.kind == Kind::kAnd) {
    const bool any = condition.kind == Kind::kAnd;
    std::optional<std::size_t> crowd;
    for (const Condition &part : condition.parts) {
      const auto one = Crowd(part);
      if (any) {
        if (one && (!crowd || *one < *crowd)) crowd = one;
      } else {
        if (!one) return std::nullopt;
        crowd = crowd.value_or(0) + *one;
      }
    }
    return crowd;
  }
  const auto at = fields_.find(condition.field);
  if (at == fields_.end()) return 0;
  const FieldIndex &index = at->second;
  if (condition.kind == Kind::kIsNull) return index.null.size();
  if (condition.kind == Kind::kRange && !HasTwoEnds(condition)) return index.from.size() + index.up_to.size();
  std::size_t crowd = 0;
  ForEachPlace(index, condition, [&](const auto &map, const auto &key) { crowd += SizeAt(map, key); });
  return crowd;
}

void FilterIndex::ChooseAnchors(const Condition &condition, std::vector<const Condition *> &anchors) const {
  if (condition.kind == Kind::kOr) {
    for (const Condition &part : condition.parts)
      ChooseAnchors(part, anchors);
    return;
  }
  if (condition.kind != Kind::kAnd) {
    anchors.push_back(&condition);
    return;
  }
  const Condition *best = nullptr;
  std::size_t least = std::numeric_limits<std::size_t>::max();
  for (const Condition &part : condition.parts) {
    const auto crowd = Crowd(part);
    if (!crowd) continue;
    // Where there is nobody yet, an end alone is the last choice: most rows are on one side of it.
    const bool one_end = part.kind == Kind::kRange && !HasTwoEnds(part);
    const std::size_t weight = 2 * *crowd + (one_end ? 1 : 0);
    if (weight >= least) continue;
    least = weight;
    best = &part;
  }
  if (best != nullptr) ChooseAnchors(*best, anchors);
}

void FilterIndex::Put(Entry &entry, const Condition &anchor) {
  FieldIndex &index = fields_[anchor.field];
  if (anchor.kind == Kind::kIsNull) return index.null.push_back(&entry);
  if (anchor.kind == Kind::kRange && !HasTwoEnds(anchor)) {
    if (anchor.low)
      index.from.emplace(CoarseKey(*anchor.low), &entry);
    else
      index.up_to.emplace(CoarseKey(*anchor.high), &entry);
    return;
  }
  ForEachPlace(index, anchor, [&](auto &map, const auto &key) { map[key].push_back(&entry); });
}

void FilterIndex::TakeOut(Entry &entry, const Condition &anchor) {
  const auto erase = [&entry](Entries &entries) {
    entries.erase(std::remove(entries.begin(), entries.end(), &entry), entries.end());
  };
  FieldIndex &index = fields_.at(anchor.field);
  if (anchor.kind == Kind::kIsNull) return erase(index.null);
  if (anchor.kind == Kind::kRange && !HasTwoEnds(anchor)) {
    if (anchor.low)
      EraseFrom(index.from, CoarseKey(*anchor.low), &entry);
    else
      EraseFrom(index.up_to, CoarseKey(*anchor.high), &entry);
    return;
  }
  ForEachPlace(index, anchor, [&](auto &map, const auto &key) {
    const auto at = map.find(key);
    if (at == map.end()) return;
    erase(at->second);
    if (at->second.empty()) map.erase(at);
  });
}

std::shared_ptr<const Filter> FilterIndex::Add(const std::shared_ptr<const Filter> &filter) {
  auto &slot = entries_[filter->canonical()];
  if (!slot) {
    slot = std::make_unique<Entry>();
    slot->filter = filter;
    ChooseAnchors(filter->condition(), slot->anchors);
    for (const Condition *anchor : slot->anchors)
      Put(*slot, *anchor);
    uses_.resize(filter->used().size());
    used_.resize(filter->used().size());
    for (std::size_t i = 0; i < uses_.size(); ++i) {
      uses_[i] += filter->used()[i] ? 1 : 0;
      used_[i] = uses_[i] > 0;
    }
  }
  ++slot->uses;
  return slot->filter;
}

void FilterIndex::Remove(const Filter &filter) {
  const auto at = entries_.find(filter.canonical());
  if (at == entries_.end() || --at->second->uses > 0) return;
  Entry &entry = *at->second;
  for (const Condition *anchor : entry.anchors)
    TakeOut(entry, *anchor);
  for (std::size_t i = 0; i < uses_.size(); ++i) {
    uses_[i] -= entry.filter->used()[i] ? 1 : 0;
    used_[i] = uses_[i] > 0;
  }
  entries_.erase(at);
}

std::shared_ptr<const Filter> FilterIndex::Find(const Filter &filter) const {
  const auto at = entries_.find(filter.canonical());
  return at == entries_.end() ? nullptr : at->second->filter;
}

FilterIndex::Matched FilterIndex::Match(const Change &change) {
  Matched matched;
  if (entries_.empty()) return matched;
  const TypeFacts &facts = entries_.begin()->second->filter->facts();
  const auto row = ReadChange(facts, used_, change);
  if (!row) {
    matched.told = false;
    return matched;
  }
  ++rows_;
  if (row->before) Propose(*row->before, *row, matched);
  if (row->after) Propose(*row->after, *row, matched);
  return matched;
}

void FilterIndex::Propose(const RowValues &row, const ChangedRow &changed, Matched &matched) {
  const auto judge = [&](Entry *entry) {
    if (entry->seen == rows_) return;
    entry->seen = rows_;
    ++matched.proposed;
    const Outcome outcome = entry->filter->Judge(changed);
    if (outcome != Outcome::kNone) matched.filters.push_back({entry->filter.get(), outcome});
  };
  const auto judge_at = [&](const auto &map, const auto &key) {
    const auto at = map.find(key);
    if (at == map.end()) return;
    for (Entry *entry : at->second)
      judge(entry);
  };
  for (const auto &[field, index] : fields_) {
    const Value &value = row[field];
    if (value.is_null) {
      for (Entry *entry : index.null)
        judge(entry);
    }
    if (value.key) {
      judge_at(index.equal, *value.key);
      const std::uint64_t coarse = CoarseKey(*value.key);
      for (unsigned level = 0; level < kLevels; ++level) {
        const auto &cells = index.between.cells.at(level);
        if (!cells.empty()) judge_at(cells, coarse >> level);
      }
      for (auto at = index.from.begin(); at != index.from.end() && at->first <= coarse; ++at)
        judge(at->second);
      for (auto at = index.up_to.lower_bound(coarse); at != index.up_to.end(); ++at)
        judge(at->second);
    }
    if (!value.box) continue;
    for (unsigned level = 0; level < kTileLevels; ++level) {
      const auto &tiles = index.tiles.at(level);
      if (tiles.empty()) continue;
      const Tiles wanted = TilesOf(*value.box, level);
      if (wanted.count() <= tiles.size()) {
        ForEachTile(wanted, [&](std::uint64_t tile) { judge_at(tiles, tile); });
        continue;
      }
      for (const auto &[tile, entries] : tiles) {
        const auto x = static_cast<std::uint32_t>(tile >> kTileBits);
        const auto y = static_cast<std::uint32_t>(tile);
        if (x < wanted.west || x > wanted.east || y < wanted.south || y > wanted.north) continue;
        for (Entry *entry : entries)
          judge(entry);
      }
    }
  }
}

} // namespace itemize::sidecar::matching
