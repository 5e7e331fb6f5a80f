#include "search/scope.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "boundary/entry.hpp"
#include "search/engine.hpp"
#include "search/filters.hpp"
#include "search/place.hpp"
#include "search/price.hpp"
#include "search/run.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
}

namespace itemize {

namespace {

/// `t.column = $n`, what was asked for read as a value of the column's type.
void AppendReference(Statement &statement, const SearchDefinition &definition, const DefinitionColumn &column,
                     const std::string &asked, const char *argument, std::vector<std::string> &conditions) {
  const char *const name = NameStr(column.name);
  struct ColumnType {
    Oid base;
    Oid input;
    Oid parameter;
  };
  const ColumnType type = CallPg([&] {
    ColumnType found = {getBaseType(get_atttype(definition.item.source, column.attnum)), InvalidOid, InvalidOid};
    getTypeInputInfo(found.base, &found.input, &found.parameter);
    return found;
  });
  const ReadAs read_as = DecideReadAs(definition);
  Datum value = 0;
  try {
    value = CallPg([&] {
      return AsReader(read_as, definition, [&] {
        return OidInputFunctionCall(type.input, const_cast<char *>(asked.c_str()), type.parameter, -1);
      });
    });
  } catch (const PgError &error) {
    if (ERRCODE_TO_CATEGORY(error.data()->sqlerrcode) != ERRCODE_DATA_EXCEPTION) throw;
    throw Error(ERRCODE_INVALID_PARAMETER_VALUE, std::string(argument) + " is no value of column \"" + name + "\"")
        .Detail(error.data()->message != nullptr ? error.data()->message : "");
  }
  conditions.push_back(ColumnText(name) + " " + OperatorText(DefaultOrder(type.base, name).equal) + " " +
                       statement.Bind(type.base, value));
}

bool IsIntegerText(std::string_view text, int64 least, int64 most) {
  constexpr std::size_t kMostDigits = 18;
  std::string_view digits = text;
  if (!digits.empty() && digits[0] == '-') digits.remove_prefix(1);
  if (digits.empty() || digits.size() > kMostDigits || (digits[0] == '0' && text.size() > 1)) return false;
  int64 value = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return false;
    value = value * 10 + (c - '0');
  }
  if (text[0] == '-') value = -value;
  return value >= least && value <= most;
}

bool IsUuidText(std::string_view text) {
  constexpr std::string_view kForm = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  return text.size() == kForm.size() && std::equal(text.begin(), text.end(), kForm.begin(), [](char c, char form) {
           return form == '-' ? c == '-' : (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

/// Whether a subject is what the server would write for a value of the type: then its input function raises nothing,
/// and the value is owned in the sidecar, which compares texts, if and only if it is equal here.
bool IsTextOf(Oid type, std::string_view subject) {
  if (subject.find('\0') != std::string_view::npos) return false;
  switch (type) {
  case INT2OID: return IsIntegerText(subject, PG_INT16_MIN, PG_INT16_MAX);
  case INT4OID: return IsIntegerText(subject, PG_INT32_MIN, PG_INT32_MAX);
  case INT8OID: return IsIntegerText(subject, PG_INT64_MIN, PG_INT64_MAX);
  case UUIDOID: return IsUuidText(subject);
  case NAMEOID: return subject.size() < NAMEDATALEN;
  case TEXTOID:
  case VARCHAROID: return true;
  default: return false;
  }
}

/// The rows of who asks, where an item is for its owner alone.
void AppendOwned(Statement &statement, const SearchDefinition &definition, std::vector<std::string> &conditions) {
  const auto subject = FindOwnedBy(definition);
  if (!subject) return;
  const DefinitionColumn &column = *definition.item.owner;
  const char *const name = NameStr(column.name);
  const char *const text = subject->c_str();
  const Oid base = CallPg([&] { return getBaseType(get_atttype(definition.item.source, column.attnum)); });
  if (!IsTextOf(base, *subject)) {
    conditions.emplace_back("false");
    return;
  }
  const Datum value = CallPg([&] {
    Oid function = InvalidOid;
    Oid parameter = InvalidOid;
    getTypeInputInfo(base, &function, &parameter);
    return OidInputFunctionCall(function, const_cast<char *>(text), parameter, -1);
  });
  conditions.push_back(ColumnText(name) + " " + OperatorText(DefaultOrder(base, name).equal) + " " +
                       statement.Bind(base, value));
}

void AppendTimes(Statement &statement, const Question &question, const SearchDefinition &definition,
                 std::vector<std::string> &conditions) {
  if (!question.since && !question.until) return;
  const std::string changed = ColumnText(NameStr(definition.changed->name));
  const auto bind = [&](TimestampTz at) { return statement.Bind(TIMESTAMPTZOID, TimestampTzGetDatum(at)); };
  if (question.since) conditions.push_back(changed + " >= " + bind(*question.since));
  if (question.until) conditions.push_back(changed + " < " + bind(*question.until));
}

} // namespace

bool CanRelax(const Question &question) {
  if (!question.compiled || question.compiled->is_empty) return false;
  const TSQuery strict = question.compiled->strict;
  const TSQuery relaxed = question.compiled->relaxed;
  // Of one word there is nothing to leave out.
  return VARSIZE(strict) != VARSIZE(relaxed) || std::memcmp(strict, relaxed, VARSIZE(strict)) != 0;
}

bool FindsByColumnsAlone(const Question &question) {
  const bool by_place = question.within || question.bbox || question.area;
  const bool by_price = question.price_min || question.price_max;
  return !question.compiled && !by_place && !by_price;
}

bool FindsAllRows(const Question &question) {
  const bool by_column =
      question.filters != nullptr || question.since || question.until || question.owner || question.parent;
  return FindsByColumnsAlone(question) && !by_column;
}

std::string TableText(const SearchDefinition &definition) {
  const Oid table = definition.item.source;
  return CallPg([&]() -> const char * {
    // Of tables that inherit without being partitions no definition speaks.
    const bool partitioned = get_rel_relkind(table) == RELKIND_PARTITIONED_TABLE;
    return psprintf("%s%s", partitioned ? "" : "ONLY ",
                    quote_qualified_identifier(get_namespace_name(get_rel_namespace(table)), get_rel_name(table)));
  });
}

void AppendScope(Statement &statement, const Question &question, const SearchDefinition &definition, Matching matching,
                 const std::vector<std::string> &further) {
  std::vector<std::string> joins;
  std::vector<std::string> conditions;
  AppendOwned(statement, definition, conditions);
  if (question.compiled) {
    conditions.push_back(EngineOf(definition).MatchCondition(statement, definition, *question.compiled, matching));
  }
  AppendPlaceConditions(statement, question, definition, conditions);
  AppendPriceConditions(statement, question, definition, joins, conditions);
  if (question.filters != nullptr) AppendFilterConditions(statement, definition, question.filters, conditions);
  AppendTimes(statement, question, definition, conditions);
  if (question.owner) {
    AppendReference(statement, definition, *definition.owner, *question.owner, "owner", conditions);
  }
  if (question.parent) {
    AppendReference(statement, definition, *definition.parent, *question.parent, "parent", conditions);
  }
  conditions.insert(conditions.end(), further.begin(), further.end());
  statement << " FROM " << TableText(definition) << " AS " << kRowAlias;
  for (const std::string &join : joins)
    statement << " " << join;
  const char *separator = " WHERE ";
  for (const std::string &condition : conditions) {
    statement << separator << condition;
    separator = " AND ";
  }
}

} // namespace itemize
