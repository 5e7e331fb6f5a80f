// The text of an inner statement and its bound parameters.
//
// What a user wrote reaches a statement as a parameter only; names are quoted from the catalog. So two questions of one
// shape have one text, whatever their values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "boundary/prelude.hpp"

namespace itemize {

/// The alias of the item type's table in every statement.
inline constexpr char kRowAlias[] = "t";

class Statement {
public:
  /// Adds a parameter of exactly this type and returns its place, `$n`. What the datum points to outlives the
  /// statement.
  std::string Bind(Oid type, Datum value, bool is_null = false);
  std::string BindText(std::string_view value);
  std::string BindDouble(double value);
  std::string BindInt64(int64 value);

  enum class Planning : uint8 {
    kEachCall,  ///< for the parameters' values
    kOnce,      ///< these make no difference
    kForValues, ///< they may well repeat: a session keeps plans for those that do
  };
  void Plan(Planning planning) noexcept { planning_ = planning; }
  [[nodiscard]] Planning planning() const noexcept { return planning_; }

  Statement &operator<<(std::string_view sql) {
    text_ += sql;
    return *this;
  }

  [[nodiscard]] const std::string &text() const noexcept { return text_; }
  [[nodiscard]] const std::vector<Oid> &types() const noexcept { return types_; }
  [[nodiscard]] const std::vector<Datum> &values() const noexcept { return values_; }
  /// One character a parameter as SPI wants them: 'n' for null, ' ' else.
  [[nodiscard]] const std::string &nulls() const noexcept { return nulls_; }

private:
  std::string text_;
  std::vector<Oid> types_;
  std::vector<Datum> values_;
  std::string nulls_;
  Planning planning_ = Planning::kEachCall;
};

/// An identifier, quoted where needed.
std::string QuotedName(const char *name);

/// A column of `alias`, by default of the item type's table: `t.name`, quoted where needed.
std::string ColumnText(const char *column, const char *alias = kRowAlias);

/// A type with its schema, as a cast has it.
std::string TypeText(Oid type);

/// `OPERATOR(schema.=)`: an operator whatever the search_path.
std::string OperatorText(Oid oper);

/// What the default B-tree order of a type calls equal, before and behind; raises 42883 when it has none.
struct OrderOperators {
  Oid equal;
  Oid less;
  Oid greater;
};
OrderOperators DefaultOrder(Oid type, const char *column);

} // namespace itemize
