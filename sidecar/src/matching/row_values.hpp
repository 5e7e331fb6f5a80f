// What a changed row was and is, as filters see it.
#pragma once

#include "itemize/change_event.hpp"
#include "matching/place.hpp"
#include "matching/type_facts.hpp"

#include <optional>
#include <string>
#include <vector>

namespace itemize::sidecar::matching {

/// One field's value; neither a key nor a box: null, or nothing that can be compared.
struct Value {
  std::optional<std::string> key;
  std::optional<Box> box;
  bool is_null = true;
};

/// As TypeFacts::fields; of fields that no filter is about nothing.
using RowValues = std::vector<Value>;

struct ChangedRow {
  std::optional<RowValues> before; ///< nothing: there was no such row
  std::optional<RowValues> after;  ///< nothing: there is none any more
};

/// Of an insertion, an update or a deletion under the definition that `facts` are of; of the fields that `used` has a
/// true for. Nothing when the change does not tell.
[[nodiscard]] std::optional<ChangedRow> ReadChange(const TypeFacts &facts, const std::vector<bool> &used,
                                                   const Change &change);

} // namespace itemize::sidecar::matching
