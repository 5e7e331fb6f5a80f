// What a filter has to know of an item type: its fields, in the order of the definition, and what can be compared how.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace itemize::sidecar::matching {

enum class FieldKind : std::uint8_t {
  kOther, ///< no filter can be about it
  kBoolean,
  kNumber, ///< integers and numeric: exact
  kReal,   ///< single precision
  kDouble,
  kText,
  kPaddedText, ///< character(n): blanks at the end do not count
  kLabel,      ///< an enum: equal or not, without an order
  kUuid,
  kDate,
  kTimestamp,
  kTimestampTz,
  kPlace, ///< PostGIS's geometry and geography
};

struct Field {
  std::string name;
  FieldKind kind = FieldKind::kOther;
};

struct TypeFacts {
  std::string type;
  /// Of the definition that they are of.
  std::uint64_t generation = 0;
  std::vector<Field> fields;
  // Names of columns, of fields or not.
  std::optional<std::string> location;
  std::optional<std::string> owner;
  std::optional<std::string> parent;
  /// The statements that make the tables' changes say what a row was; empty: they do.
  std::string missing_identity;

  /// Nothing when no field has the name.
  [[nodiscard]] std::optional<std::size_t> IndexOf(std::string_view name) const {
    for (std::size_t i = 0; i < fields.size(); ++i) {
      if (fields[i].name == name) return i;
    }
    return std::nullopt;
  }
};

/// By the name of the type, without its domains: as pg_type has it, `enum` for any enum.
[[nodiscard]] FieldKind KindOfType(std::string_view type_name);

/// In words, for those who have to write a value.
[[nodiscard]] std::string_view NameOf(FieldKind kind);

/// Whether values of the kind have an order here.
[[nodiscard]] constexpr bool IsOrdered(FieldKind kind) {
  return kind != FieldKind::kOther && kind != FieldKind::kBoolean && kind != FieldKind::kLabel &&
         kind != FieldKind::kPlace;
}

} // namespace itemize::sidecar::matching
