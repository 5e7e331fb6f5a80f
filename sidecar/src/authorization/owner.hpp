// Whose an item is, by a rule `owner:FIELD` and the item's JSON, without parsing the rest of it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace itemize::sidecar::authorization {

/// The owner by the field that the rule names, as text; empty: nobody, as always when it names none. Nothing when
/// `row`, compact JSON as the change stream carries it, does not have the field: then it cannot be told.
[[nodiscard]] std::optional<std::string> OwnerOf(std::string_view rule, std::string_view row);

} // namespace itemize::sidecar::authorization
