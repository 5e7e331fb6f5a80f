// A filter of a live subscription, compiled once: which rows of a type are meant.
//
// The words and the treatment of null are those of a search's filters (docs/reference/search-filters.md); what of them
// is possible here, and where a comparison differs, is in docs/how-to/follow-a-search.md.
#pragma once

#include "matching/place.hpp"
#include "matching/row_values.hpp"
#include "matching/type_facts.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace itemize::sidecar::matching {

/// Conditions of one filter, values of a list not counted one by one.
inline constexpr std::size_t kMaxConditions = 20;
/// Values of one list.
inline constexpr std::size_t kMaxListValues = 100;
/// Bytes of a value. Longer former texts are told as far as a comparison with such a value goes.
inline constexpr std::size_t kMaxValueBytes = 256;
static_assert(kMaxValueBytes + 4 < kFormerTextBytes);

/// Within a distance of a point.
struct Circle {
  double longitude = 0;
  double latitude = 0;
  double metres = 0;
};

/// One condition, or several joined.
struct Condition {
  enum class Kind : std::uint8_t {
    kAnd,
    kOr,
    kNot,
    kIn,      ///< equal to one of `keys`
    kRange,   ///< between `low` and `high`
    kIsNull,  ///< never unknown
    kIsTrue,  ///< equal to the one of `keys`, and never unknown
    kInBoxes, ///< a place that has something in common with one of `boxes`
    kInCircle
  };
  Kind kind = Kind::kAnd;
  std::vector<Condition> parts; ///< of the first three
  std::size_t field = 0;        ///< of all others, in TypeFacts::fields
  std::vector<std::string> keys;
  std::optional<std::string> low;
  std::optional<std::string> high;
  bool low_counts = true; ///< itself
  bool high_counts = true;
  std::vector<Box> boxes; ///< of a circle: which it is in
  Circle circle;
};

/// What a change is to those who follow the rows of a filter.
enum class Outcome : std::uint8_t { kNone, kEntered, kChanged, kLeft };

[[nodiscard]] std::string_view NameOf(Outcome outcome);

/// Immutable.
class Filter {
public:
  Filter(std::shared_ptr<const TypeFacts> facts, Condition condition);

  [[nodiscard]] const TypeFacts &facts() const { return *facts_; }
  [[nodiscard]] const std::shared_ptr<const TypeFacts> &shared_facts() const { return facts_; }
  [[nodiscard]] const Condition &condition() const { return condition_; }
  /// The same text for filters that say the same in another order.
  [[nodiscard]] const std::string &canonical() const { return canonical_; }
  /// A true for each field that it is about.
  [[nodiscard]] const std::vector<bool> &used() const { return used_; }

  [[nodiscard]] bool Matches(const RowValues &row) const;
  [[nodiscard]] Outcome Judge(const ChangedRow &row) const;

private:
  std::shared_ptr<const TypeFacts> facts_;
  Condition condition_;
  std::string canonical_;
  std::vector<bool> used_;
};

/// What a filter says beside the conditions on fields.
struct Places {
  struct Edges {
    double west = 0;
    double south = 0;
    double east = 0;
    double north = 0;
  };
  std::optional<Edges> box;
  std::optional<Circle> circle;
  std::optional<std::string> owner;
  std::optional<std::string> parent;
};

/// `filters`: JSON as the search functions take it; empty: none. A text: what is wrong, with which field, and what
/// there is instead.
[[nodiscard]] std::variant<std::shared_ptr<const Filter>, std::string>
CompileFilter(const std::shared_ptr<const TypeFacts> &facts, const std::string &filters, const Places &places);

} // namespace itemize::sidecar::matching
