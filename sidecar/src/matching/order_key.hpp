// Values as bytes that compare as the values do: every comparison of a filter, and every index, is one of bytes.
#pragma once

#include "matching/type_facts.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace itemize::sidecar::matching {

/// The key of a value written as text: by a client, or as an item's JSON has it, without quotes. Nothing when it is no
/// value of the kind, or the kind cannot be compared. Texts compare by their bytes, -0 equals 0, NaN is above all
/// numbers, as in PostgreSQL; 1.50 equals 1.5.
[[nodiscard]] std::optional<std::string> OrderKey(FieldKind kind, std::string_view text);

/// The same of a value of compact JSON; nothing of null as well.
[[nodiscard]] std::optional<std::string> OrderKeyOfJson(FieldKind kind, std::string_view json);

/// The first bytes as a number: of a smaller key it is no larger.
[[nodiscard]] std::uint64_t CoarseKey(std::string_view key);

} // namespace itemize::sidecar::matching
