// A type with a field of each kind, and rows of it as the change stream tells of them.
#pragma once

#include "itemize/change_event.hpp"
#include "matching/filter.hpp"

#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

namespace itemize::sidecar::matching {

inline std::shared_ptr<const TypeFacts> ListingFacts() {
  auto facts = std::make_shared<TypeFacts>();
  facts->type = "listing";
  facts->generation = 1;
  facts->fields = {{"price", FieldKind::kNumber},   {"beds", FieldKind::kNumber},  {"room_type", FieldKind::kText},
                   {"rating", FieldKind::kDouble},  {"open", FieldKind::kBoolean}, {"created", FieldKind::kTimestampTz},
                   {"location", FieldKind::kPlace}, {"tags", FieldKind::kOther},   {"state", FieldKind::kLabel},
                   {"host", FieldKind::kText}};
  facts->location = "location";
  facts->owner = "host";
  facts->parent = "house";
  return facts;
}

/// JSON of the fields of ListingFacts, in their order.
using JsonValues = std::vector<std::string>;

/// A row's text, and its member lengths.
inline std::pair<std::string, std::string> RowOf(const TypeFacts &facts, const JsonValues &values) {
  std::string row = "{";
  std::string lengths;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::string member = '"' + facts.fields[i].name + "\":" + values[i];
    row += (i > 0 ? "," : "") + member;
    lengths += (i > 0 ? "," : "") + std::to_string(member.size());
  }
  return {row + '}', lengths};
}

/// A change with the texts that it points into.
struct OwnedChange {
  std::string row;
  std::string lengths;
  std::string former;
  std::string key;
  LineKind kind = LineKind::kInsert;
  bool tells_former = false;

  [[nodiscard]] Change view() const {
    Change change;
    change.kind = kind;
    change.type = "listing";
    change.generation = 1;
    change.key = key;
    change.row = row;
    change.member_lengths = lengths;
    if (tells_former) change.former = former;
    return change;
  }
};

/// From one row to another; null: there is none.
inline OwnedChange ChangeOf(const TypeFacts &facts, const JsonValues *before, const JsonValues *after,
                            std::string key = "1") {
  OwnedChange change;
  change.key = std::move(key);
  if (after != nullptr) std::tie(change.row, change.lengths) = RowOf(facts, *after);
  if (before == nullptr) return change;
  change.kind = after == nullptr ? LineKind::kDelete : LineKind::kUpdate;
  change.tells_former = true;
  change.former = "{";
  for (std::size_t i = 0; i < before->size(); ++i) {
    if (facts.fields[i].kind == FieldKind::kOther) continue;
    if (after != nullptr && (*before)[i] == (*after)[i]) continue;
    change.former += (change.former.size() > 1 ? ",\"" : "\"") + facts.fields[i].name + "\":" + (*before)[i];
  }
  change.former += '}';
  return change;
}

inline std::shared_ptr<const Filter> Compiled(const std::shared_ptr<const TypeFacts> &facts, const std::string &filters,
                                              const Places &places = {}) {
  auto compiled = CompileFilter(facts, filters, places);
  if (const auto *wrong = std::get_if<std::string>(&compiled)) throw std::runtime_error(*wrong);
  return std::get<std::shared_ptr<const Filter>>(std::move(compiled));
}

} // namespace itemize::sidecar::matching
