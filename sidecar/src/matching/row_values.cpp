#include "matching/row_values.hpp"

#include "base/json_members.hpp"
#include "itemize/row_members.hpp"
#include "matching/order_key.hpp"

#include <nlohmann/json.hpp>

namespace itemize::sidecar::matching {

namespace {

Value ValueOf(FieldKind kind, std::string_view json) {
  Value value;
  value.is_null = json == "null";
  if (kind == FieldKind::kPlace)
    value.box = BoxOfGeoJson(json);
  else
    value.key = OrderKeyOfJson(kind, json);
  return value;
}

/// A name as JSON has it, as the row's members do.
bool IsNamed(std::string_view name_in_json, const std::string &name) {
  if (name_in_json == name) return true;
  if (name_in_json.find('\\') == std::string_view::npos) return false;
  const auto parsed = nlohmann::json::parse('"' + std::string(name_in_json) + '"', nullptr, false);
  return parsed.is_string() && parsed.get_ref<const std::string &>() == name;
}

std::optional<RowValues> ReadRow(const TypeFacts &facts, const std::vector<bool> &used, const Change &change) {
  const auto members = SplitMembers(change.row, change.member_lengths);
  if (!members || members->size() != facts.fields.size()) return std::nullopt;
  RowValues values(facts.fields.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::string_view member = (*members)[i];
    if (member.empty()) return std::nullopt;
    if (!used[i]) continue;
    const auto colon = json::EndOfString(member, 0);
    if (colon == std::string_view::npos || colon >= member.size()) return std::nullopt;
    values[i] = ValueOf(facts.fields[i].kind, member.substr(colon + 1));
  }
  return values;
}

/// Puts what `former` has in place of what `values` have. False: it is no object.
bool Overlay(const TypeFacts &facts, const std::vector<bool> &used, std::string_view former, RowValues &values) {
  return json::ForEachMember(former, [&](std::string_view name, std::string_view value) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (used[i] && IsNamed(name, facts.fields[i].name)) values[i] = ValueOf(facts.fields[i].kind, value);
    }
    return true;
  });
}

} // namespace

std::optional<ChangedRow> ReadChange(const TypeFacts &facts, const std::vector<bool> &used, const Change &change) {
  ChangedRow row;
  const bool deleted = change.kind == LineKind::kDelete;
  if (!deleted) {
    row.after = ReadRow(facts, used, change);
    if (!row.after) return std::nullopt;
  }
  if (change.kind == LineKind::kInsert) return row;
  if (!change.former) return std::nullopt;
  row.before = deleted ? RowValues(facts.fields.size()) : *row.after;
  if (!Overlay(facts, used, *change.former, *row.before)) return std::nullopt;
  return row;
}

} // namespace itemize::sidecar::matching
