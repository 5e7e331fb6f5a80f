#include "search/filters.hpp"

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <optional>
#include <utility>

#include "boundary/entry.hpp"
#include "search/filters_json.hpp"
#include "search/filters_parse.hpp"
#include "search/run.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "access/detoast.h"
#include "access/stratnum.h"
#include "catalog/pg_operator_d.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"
#include "utils/typcache.h"
}

namespace itemize {

namespace {

constexpr int kMaxNamesInHint = 40;

/// What a column can be compared by. Domains are looked through.
struct ColumnTraits {
  Oid type;
  Oid array_type; ///< InvalidOid where there is none: of arrays, for one
  Oid equal;
  Oid unequal;
  Oid less;
  Oid less_equal;
  Oid greater;
  Oid greater_equal;
  bool is_text;          ///< for patterns
  bool is_deterministic; ///< its collation; patterns of others PostgreSQL has not
  bool is_boolean;
  bool is_array;
  bool is_set;   ///< arrays and ranges: one contains another, or overlaps it
  bool is_jsonb; ///< contains, but knows no overlap
};

/// What `oper` asks about; nothing: all. Looking all of it up costs as much as finding a row.
ColumnTraits DescribeColumn(Oid table, AttrNumber attnum, std::optional<FilterOperator> oper) {
  const auto asked = [oper](std::initializer_list<FilterOperator> by) {
    return !oper || std::find(by.begin(), by.end(), *oper) != by.end();
  };
  ColumnTraits traits{};
  Oid type = InvalidOid;
  int32 modifier = -1;
  Oid collation = InvalidOid;
  get_atttypetypmodcoll(table, attnum, &type, &modifier, &collation);
  traits.type = getBaseType(type);
  if (asked({FilterOperator::kIn})) traits.array_type = get_array_type(traits.type);
  const TypeCacheEntry *const entry = lookup_type_cache(traits.type, TYPECACHE_EQ_OPR | TYPECACHE_BTREE_OPFAMILY);
  traits.equal = entry->eq_opr;
  if (OidIsValid(traits.equal) && asked({FilterOperator::kNeq, FilterOperator::kIn})) {
    traits.unequal = get_negator(traits.equal);
  }
  const auto member = [&](FilterOperator by, int16 strategy) {
    if (!OidIsValid(entry->btree_opf) || !asked({by})) return InvalidOid;
    return get_opfamily_member(entry->btree_opf, entry->btree_opintype, entry->btree_opintype, strategy);
  };
  traits.less = member(FilterOperator::kLt, BTLessStrategyNumber);
  traits.less_equal = member(FilterOperator::kLte, BTLessEqualStrategyNumber);
  traits.greater = member(FilterOperator::kGt, BTGreaterStrategyNumber);
  traits.greater_equal = member(FilterOperator::kGte, BTGreaterEqualStrategyNumber);
  traits.is_text =
      traits.type == TEXTOID || traits.type == VARCHAROID || traits.type == BPCHAROID || traits.type == NAMEOID;
  const bool by_pattern = asked({FilterOperator::kLike, FilterOperator::kIlike});
  traits.is_deterministic = !OidIsValid(collation) || !by_pattern || get_collation_isdeterministic(collation);
  traits.is_boolean = traits.type == BOOLOID;
  traits.is_array = OidIsValid(get_element_type(traits.type)) && get_typtype(traits.type) == TYPTYPE_BASE &&
                    get_typlen(traits.type) == -1;
  const bool of_sets = asked({FilterOperator::kContains, FilterOperator::kContained, FilterOperator::kOverlaps});
  traits.is_set = traits.is_array || (of_sets && type_is_range(traits.type));
  traits.is_jsonb = traits.type == JSONBOID;
  return traits;
}

/// Whether an operator is there for a column; `in` and `is null` are told apart by its callers.
bool IsAllowed(const ColumnTraits &traits, FilterOperator oper) {
  switch (oper) {
  case FilterOperator::kEq:
  case FilterOperator::kNeq: return OidIsValid(traits.equal);
  case FilterOperator::kIn: return OidIsValid(traits.equal) && OidIsValid(traits.array_type);
  case FilterOperator::kGt: return OidIsValid(traits.greater);
  case FilterOperator::kGte: return OidIsValid(traits.greater_equal);
  case FilterOperator::kLt: return OidIsValid(traits.less);
  case FilterOperator::kLte: return OidIsValid(traits.less_equal);
  case FilterOperator::kIs: return true;
  case FilterOperator::kLike:
  case FilterOperator::kIlike: return traits.is_text && traits.is_deterministic;
  case FilterOperator::kContains:
  case FilterOperator::kContained: return traits.is_set || traits.is_jsonb;
  case FilterOperator::kOverlaps: return traits.is_set;
  }
  return false;
}

std::string AllowedOperators(const ColumnTraits &traits) {
  std::string names;
  for (const FilterOperator oper :
       {FilterOperator::kEq, FilterOperator::kNeq, FilterOperator::kGt, FilterOperator::kGte, FilterOperator::kLt,
        FilterOperator::kLte, FilterOperator::kIn, FilterOperator::kIs, FilterOperator::kLike, FilterOperator::kIlike,
        FilterOperator::kContains, FilterOperator::kContained, FilterOperator::kOverlaps}) {
    if (!IsAllowed(traits, oper)) continue;
    names += (names.empty() ? "" : ", ") + std::string(OperatorName(oper));
  }
  return names;
}

/// How conditions on one definition's columns are written.
class Conditions {
public:
  Conditions(Statement &statement, const SearchDefinition &definition)
      : statement_(statement), definition_(definition) {}

  std::string Write(const Filter &filter) {
    switch (filter.kind) {
    case Filter::Kind::kAll: return Join(filter, " AND ", "true");
    case Filter::Kind::kAny: return Join(filter, " OR ", "false");
    case Filter::Kind::kNot: return WriteNot(filter.parts.front());
    case Filter::Kind::kCompare: return WriteCompare(filter, false);
    }
    return "false";
  }

private:
  std::string Join(const Filter &filter, const char *word, const char *none) {
    if (filter.parts.empty()) return none;
    std::string joined = "(";
    for (const Filter &part : filter.parts)
      joined += (joined.size() > 1 ? word : "") + Write(part);
    return joined + ")";
  }

  std::string WriteNot(const Filter &filter) {
    // Not in a list is unequal to all of it: `<> ANY` would be true for whatever has two different values.
    if (filter.kind == Filter::Kind::kCompare && filter.oper == FilterOperator::kIn) return WriteCompare(filter, true);
    return "NOT (" + Write(filter) + ")";
  }

  static std::string Place(const Filter &filter) { return "filter on \"" + Shown(filter.field) + "\""; }

  std::string WriteCompare(const Filter &filter, bool negated) {
    const DefinitionColumn *const column = FindVisibleColumn(definition_, filter.field);
    if (column == nullptr) {
      throw Error(ERRCODE_UNDEFINED_COLUMN, "item type \"" + std::string(NameStr(definition_.item.type)) +
                                                "\" has no field or facet \"" + Shown(filter.field) + "\" to filter by")
          .Hint(VisibleColumnNames(definition_));
    }
    const Oid table = definition_.item.source;
    const ColumnTraits traits = CallPg([&] { return DescribeColumn(table, column->attnum, filter.oper); });
    if (!IsAllowed(traits, filter.oper)) {
      RefuseOperator(filter, CallPg([&] { return DescribeColumn(table, column->attnum, std::nullopt); }));
    }
    const std::string left = ColumnText(NameStr(column->name));
    switch (filter.oper) {
    case FilterOperator::kIs: return WriteIs(filter, traits, left);
    case FilterOperator::kIn: return WriteIn(filter, traits, left, negated);
    case FilterOperator::kLike:
      return left + " OPERATOR(pg_catalog.~~) " + statement_.BindText(filter.values.front().text);
    case FilterOperator::kIlike:
      return left + " OPERATOR(pg_catalog.~~*) " + statement_.BindText(filter.values.front().text);
    case FilterOperator::kNeq:
      // Not every equality has an operator that negates it.
      if (!OidIsValid(traits.unequal)) {
        return "NOT (" + left + " " + OperatorText(traits.equal) + " " +
               BindOne(filter, filter.values.front(), traits) + ")";
      }
      break;
    default: break;
    }
    return left + " " + OperatorOf(filter.oper, traits) + " " + BindOne(filter, filter.values.front(), traits);
  }

  [[noreturn]] static void RefuseOperator(const Filter &filter, const ColumnTraits &traits) {
    const char *const type = CallPg([&] { return format_type_be(traits.type); });
    throw Error(ERRCODE_INVALID_PARAMETER_VALUE,
                Place(filter) + ": " + std::string(OperatorName(filter.oper)) + " is not for type " + type +
                    (traits.is_deterministic ? "" : " with a nondeterministic collation"))
        .Hint("Operators for this field are " + AllowedOperators(traits) + ".");
  }

  static std::string OperatorOf(FilterOperator oper, const ColumnTraits &traits) {
    switch (oper) {
    case FilterOperator::kEq: return OperatorText(traits.equal);
    case FilterOperator::kNeq: return OperatorText(traits.unequal);
    case FilterOperator::kGt: return OperatorText(traits.greater);
    case FilterOperator::kGte: return OperatorText(traits.greater_equal);
    case FilterOperator::kLt: return OperatorText(traits.less);
    case FilterOperator::kLte: return OperatorText(traits.less_equal);
    case FilterOperator::kContains: return "OPERATOR(pg_catalog.@>)";
    case FilterOperator::kContained: return "OPERATOR(pg_catalog.<@)";
    default: return "OPERATOR(pg_catalog.&&)";
    }
  }

  static std::string WriteIs(const Filter &filter, const ColumnTraits &traits, const std::string &left) {
    const std::string &what = filter.values.front().text;
    if (what == "null") return left + " IS NULL";
    if (what == "not_null") return left + " IS NOT NULL";
    if (!traits.is_boolean) {
      throw Error(ERRCODE_INVALID_PARAMETER_VALUE, Place(filter) + ": is " + what + " is for booleans alone")
          .Hint("Of other types a value is null or not_null.");
    }
    return left + (what == "true" ? " IS TRUE" : " IS FALSE");
  }

  std::string WriteIn(const Filter &filter, const ColumnTraits &traits, const std::string &left, bool negated) {
    std::vector<Datum> values;
    values.reserve(filter.values.size());
    for (const FilterValue &value : filter.values)
      values.push_back(ReadOne(filter, value, traits));
    Datum *const elements = values.data();
    const auto count = static_cast<int>(values.size());
    const Datum list = CallPg([&] {
      int16 length;
      bool by_value;
      char alignment;
      get_typlenbyvalalign(traits.type, &length, &by_value, &alignment);
      return PointerGetDatum(construct_array(elements, count, traits.type, length, by_value, alignment));
    });
    const std::string right = "(" + statement_.Bind(traits.array_type, list) + ")";
    if (!negated) return left + " " + OperatorText(traits.equal) + " ANY " + right;
    if (OidIsValid(traits.unequal)) return left + " " + OperatorText(traits.unequal) + " ALL " + right;
    return "NOT (" + left + " " + OperatorText(traits.equal) + " ANY " + right + ")";
  }

  [[nodiscard]] Datum ReadOne(const Filter &filter, const FilterValue &value, const ColumnTraits &traits) const {
    const bool is_list = value.kind == FilterValue::Kind::kArray && traits.is_array;
    return ReadInput(definition_, traits.type, is_list ? value.array_text : value.text, Place(filter));
  }

  std::string BindOne(const Filter &filter, const FilterValue &value, const ColumnTraits &traits) {
    return statement_.Bind(traits.type, ReadOne(filter, value, traits));
  }

  Statement &statement_;
  const SearchDefinition &definition_;
};

/// Whether a document's text can be within the limit: of some bytes a number may have a hundred thousand digits.
bool IsShortAsText(Jsonb *document) {
  Size length = 0;
  JsonbValue value;
  JsonbIterator *iterator = JsonbIteratorInit(&document->root);
  for (;;) {
    const JsonbIteratorToken token = JsonbIteratorNext(&iterator, &value, false);
    if (token == WJB_DONE) return true;
    if (token != WJB_KEY && token != WJB_VALUE && token != WJB_ELEM) continue;
    if (value.type == jbvString) length += static_cast<Size>(value.val.string.len);
    if (value.type == jbvNumeric) {
      char *const digits = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value.val.numeric)));
      length += std::strlen(digits);
      pfree(digits);
    }
    if (length > kMaxFilterBytes) return false;
  }
}

template <typename Visit>
void VisitVisibleColumns(const SearchDefinition &definition, Visit visit) {
  for (int i = 0; i < definition.item.key_count; ++i)
    visit(definition.item.keys[i]);
  for (int i = 0; i < definition.item.field_count; ++i)
    visit(definition.item.fields[i]);
  for (int i = 0; i < definition.facet_count; ++i)
    visit(definition.facets[i]);
}

} // namespace

const DefinitionColumn *FindVisibleColumn(const SearchDefinition &definition, const std::string &name) {
  const DefinitionColumn *found = nullptr;
  VisitVisibleColumns(definition, [&](const DefinitionColumn &column) {
    if (found == nullptr && name == NameStr(column.name)) found = &column;
  });
  return found;
}

std::string VisibleColumnNames(const SearchDefinition &definition) {
  std::vector<std::string> names;
  VisitVisibleColumns(definition, [&](const DefinitionColumn &column) {
    const std::string name = NameStr(column.name);
    for (const std::string &known : names) {
      if (known == name) return;
    }
    names.push_back(name);
  });
  std::string hint = "Its fields and facets are ";
  for (std::size_t i = 0; i < names.size() && i < kMaxNamesInHint; ++i)
    hint += (i > 0 ? ", " : "") + names[i];
  return hint + (names.size() > kMaxNamesInHint ? ", ..." : ".");
}

Jsonb *JsonArgument(Datum argument, const char *what) {
  const Size size = CallPg([&] { return toast_raw_datum_size(argument); });
  if (size > kMaxFilterBytes) {
    throw Error(ERRCODE_PROGRAM_LIMIT_EXCEEDED, std::string(what) + " are too long: " + std::to_string(size) + " bytes")
        .Hint("At most " + std::to_string(kMaxFilterBytes) + " bytes are allowed.");
  }
  return CallPg([&] { return DatumGetJsonbP(argument); });
}

std::string JsonText(Jsonb *document, const char *what) {
  if (!CallPg([&] { return IsShortAsText(document); })) {
    throw Error(ERRCODE_PROGRAM_LIMIT_EXCEEDED,
                std::string(what) + " are longer than " + std::to_string(kMaxFilterBytes) + " bytes as text")
        .Hint(kTooLongHint);
  }
  return CallPg([&] { return JsonbToCString(nullptr, &document->root, static_cast<int>(VARSIZE(document))); });
}

Datum ReadInput(const SearchDefinition &definition, Oid type, const std::string &text, const std::string &place) {
  const char *const characters = text.c_str();
  const ReadAs read_as = DecideReadAs(definition);
  return RaiseWithPlace(place, [&] {
    Oid function;
    Oid parameter;
    getTypeInputInfo(type, &function, &parameter);
    return AsReader(read_as, definition,
                    [&] { return OidInputFunctionCall(function, const_cast<char *>(characters), parameter, -1); });
  });
}

void AppendFilterConditions(Statement &statement, const SearchDefinition &definition, Jsonb *filters,
                            std::vector<std::string> &conditions) {
  if (filters == nullptr) return;
  const Filter filter = ParseFilters(JsonText(filters, "filters"));
  Conditions writer(statement, definition);
  // What is joined by AND anyhow stands by itself.
  if (filter.kind == Filter::Kind::kAll) {
    for (const Filter &part : filter.parts)
      conditions.push_back(writer.Write(part));
  } else {
    conditions.push_back(writer.Write(filter));
  }
}

} // namespace itemize
