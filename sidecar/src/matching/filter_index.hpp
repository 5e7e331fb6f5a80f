// The distinct filters on one type, found by what a changed row was or is: a change costs what it is proposed to, not
// all.
//
// Each filter is filed under those of its conditions that few others share: an equality by hashing the value, a range
// with two ends and a box in cells of about their own size, a range with one end sorted by that end. What is proposed
// is judged once, whoever follows it.
#pragma once

#include "matching/filter.hpp"

#include <array>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace itemize::sidecar::matching {

/// Not thread-safe.
class FilterIndex {
public:
  FilterIndex() = default;
  ~FilterIndex() = default;
  FilterIndex(const FilterIndex &) = delete;
  FilterIndex &operator=(const FilterIndex &) = delete;
  FilterIndex(FilterIndex &&) = default;
  FilterIndex &operator=(FilterIndex &&) = default;

  /// All filters in it are of the same facts. The filter that stands for it: itself, or an equal one added before.
  std::shared_ptr<const Filter> Add(const std::shared_ptr<const Filter> &filter);
  /// As often as it was added, in any of its forms.
  void Remove(const Filter &filter);
  /// The one that stands for it; null when there is none.
  [[nodiscard]] std::shared_ptr<const Filter> Find(const Filter &filter) const;

  struct Judged {
    const Filter *filter;
    Outcome outcome;
  };
  struct Matched {
    /// False: the change does not say what the row was, or is; any filter could be concerned.
    bool told = true;
    std::vector<Judged> filters; ///< of an outcome, each once
    std::size_t proposed = 0;    ///< looked at
  };
  [[nodiscard]] Matched Match(const Change &change);

  [[nodiscard]] std::size_t size() const { return entries_.size(); }

private:
  struct Entry {
    std::shared_ptr<const Filter> filter;
    std::size_t uses = 0;
    /// Conditions that it is filed under: of any match one holds.
    std::vector<const Condition *> anchors;
    /// The last row that it was proposed for.
    std::uint64_t seen = 0;
  };
  using Entries = std::vector<Entry *>;

  static constexpr unsigned kLevels = 64;
  static constexpr unsigned kTileLevels = 24;

  /// Intervals in cells of 2^level coarse keys.
  struct Intervals {
    std::array<std::unordered_map<std::uint64_t, Entries>, kLevels> cells;
  };
  struct FieldIndex {
    std::unordered_map<std::string, Entries> equal;
    Entries null;
    std::multimap<std::uint64_t, Entry *> from;  ///< by the low end, open above
    std::multimap<std::uint64_t, Entry *> up_to; ///< by the high end, open below
    Intervals between;
    /// Tiles of 360 / 2^level degrees.
    std::array<std::unordered_map<std::uint64_t, Entries>, kTileLevels> tiles;
  };

  /// How many others are where the condition would be filed; nothing when it cannot be.
  [[nodiscard]] std::optional<std::size_t> Crowd(const Condition &condition) const;
  void ChooseAnchors(const Condition &condition, std::vector<const Condition *> &anchors) const;
  /// Calls `file(map, key)` for each place of a condition that is in no sorted one.
  template <typename Index, typename File>
  static void ForEachPlace(Index &index, const Condition &condition, File file);
  void Put(Entry &entry, const Condition &anchor);
  void TakeOut(Entry &entry, const Condition &anchor);
  void Propose(const RowValues &row, const ChangedRow &changed, Matched &matched);

  std::unordered_map<std::string, std::unique_ptr<Entry>> entries_;
  std::unordered_map<std::size_t, FieldIndex> fields_;
  /// By fields: how many filters are about it.
  std::vector<std::size_t> uses_;
  std::vector<bool> used_;
  std::uint64_t rows_ = 0;
};

} // namespace itemize::sidecar::matching
