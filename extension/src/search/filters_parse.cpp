#include "search/filters_parse.hpp"

#include <array>
#include <utility>

#include "boundary/error.hpp"
#include "search/filters_json.hpp"

namespace itemize {

namespace {

using JsonKind = JsonValue::Kind;

constexpr int kInvalidValue = SqlState("22023");
constexpr int kLimitExceeded = SqlState("54000");
constexpr std::string_view kWhat = "filters";

struct NamedOperator {
  std::string_view name;
  FilterOperator oper;
};
constexpr std::array<NamedOperator, 13> kOperators{{{"eq", FilterOperator::kEq},
                                                    {"neq", FilterOperator::kNeq},
                                                    {"gt", FilterOperator::kGt},
                                                    {"gte", FilterOperator::kGte},
                                                    {"lt", FilterOperator::kLt},
                                                    {"lte", FilterOperator::kLte},
                                                    {"in", FilterOperator::kIn},
                                                    {"is", FilterOperator::kIs},
                                                    {"like", FilterOperator::kLike},
                                                    {"ilike", FilterOperator::kIlike},
                                                    {"cs", FilterOperator::kContains},
                                                    {"cd", FilterOperator::kContained},
                                                    {"ov", FilterOperator::kOverlaps}}};

Error Wrong(const std::string &field, const std::string &what, std::string hint) {
  return Error(kInvalidValue, "filter on \"" + Shown(field) + "\": " + what).Hint(std::move(hint));
}

Error TooMuch(const std::string &message) { return {kLimitExceeded, message}; }

/// A list as array_in reads it: every element quoted, so that nothing in it is taken for a sign.
std::string ArrayText(const JsonValue &list) {
  std::string text = "{";
  for (const JsonValue &item : list.items) {
    if (text.size() > 1) text += ',';
    if (item.kind == JsonKind::kNull) {
      text += "NULL";
    } else if (item.kind == JsonKind::kArray) {
      text += ArrayText(item);
    } else {
      text += '"';
      for (const char character : item.text) {
        if (character == '"' || character == '\\') text += '\\';
        text += character;
      }
      text += '"';
    }
  }
  return text + '}';
}

FilterValue MakeValue(const JsonValue &value) {
  FilterValue made;
  made.text = value.text;
  if (value.kind == JsonKind::kArray) {
    made.kind = FilterValue::Kind::kArray;
    made.array_text = ArrayText(value);
  } else if (value.kind == JsonKind::kObject) {
    made.kind = FilterValue::Kind::kObject;
  }
  return made;
}

class Parser {
public:
  Filter ParseGroup(const JsonValue &group, int depth) {
    CheckDepth(depth);
    if (group.kind != JsonKind::kObject) {
      throw Error(kInvalidValue, "filters must be JSON objects")
          .Hint(R"(Write fields and what they are compared with: {"beds": {"gte": 2}}.)");
    }
    Filter all;
    for (const auto &[name, value] : group.members) {
      if (name == "or" || name == "and") {
        all.parts.push_back(ParseList(name, value, depth));
      } else if (name == "not" && value.kind == JsonKind::kObject) {
        all.parts.push_back(Negated(ParseGroup(value, depth + 1)));
      } else {
        all.parts.push_back(ParseField(name, value, depth));
      }
    }
    return Simplified(std::move(all));
  }

private:
  static void CheckDepth(int depth) {
    if (depth > kMaxFilterDepth) {
      throw TooMuch("filters are nested more than " + std::to_string(kMaxFilterDepth) + " deep");
    }
  }

  static Filter Negated(Filter filter) {
    Filter negated;
    negated.kind = Filter::Kind::kNot;
    negated.parts.push_back(std::move(filter));
    return negated;
  }

  /// One part is that part.
  static Filter Simplified(Filter filter) {
    if (filter.parts.size() != 1) return filter;
    Filter part = std::move(filter.parts.front());
    return part;
  }

  Filter ParseList(const std::string &name, const JsonValue &list, int depth) {
    if (list.kind != JsonKind::kArray || list.items.empty()) {
      throw Error(kInvalidValue, "\"" + name + "\" joins filters: it needs a list of them")
          .Hint("Write {\"" + name + R"(": [{"beds": 2}, {"beds": {"is": null}}]}.)");
    }
    Filter joined;
    joined.kind = name == "or" ? Filter::Kind::kAny : Filter::Kind::kAll;
    for (const JsonValue &group : list.items)
      joined.parts.push_back(ParseGroup(group, depth + 1));
    return Simplified(std::move(joined));
  }

  Filter ParseField(const std::string &field, const JsonValue &value, int depth) {
    if (value.kind == JsonKind::kObject) return ParseOperators(field, value, depth);
    if (value.kind == JsonKind::kArray) {
      throw Wrong(field, "a list needs an operator", R"(Write {"in": [...]}, or cs, cd or ov for a column of lists.)");
    }
    return ParseCompare(field, FilterOperator::kEq, value);
  }

  Filter ParseOperators(const std::string &field, const JsonValue &operators, int depth) {
    CheckDepth(depth);
    if (operators.members.empty()) throw Wrong(field, "there is no operator", OperatorsHint());
    Filter all;
    for (const auto &[name, value] : operators.members) {
      if (name == "not") {
        if (value.kind != JsonKind::kObject) {
          throw Wrong(field, "not needs an operator", R"(Write {"not": {"eq": ...}}, or {"neq": ...}.)");
        }
        all.parts.push_back(Negated(ParseOperators(field, value, depth + 1)));
      } else {
        all.parts.push_back(ParseCompare(field, FindOperator(field, name), value));
      }
    }
    return Simplified(std::move(all));
  }

  static std::string OperatorsHint() {
    std::string names;
    for (const NamedOperator &known : kOperators)
      names += std::string(known.name) + ", ";
    return "Operators are " + names + "and not.";
  }

  static FilterOperator FindOperator(const std::string &field, const std::string &name) {
    for (const NamedOperator &known : kOperators) {
      if (known.name == name) return known.oper;
    }
    throw Wrong(field, "there is no operator \"" + Shown(name) + "\"", OperatorsHint());
  }

  Filter ParseCompare(const std::string &field, FilterOperator oper, const JsonValue &value) {
    if (++conditions_ > kMaxFilterConditions) {
      throw TooMuch("filters have more than " + std::to_string(kMaxFilterConditions) + " conditions");
    }
    Filter compare;
    compare.kind = Filter::Kind::kCompare;
    compare.field = field;
    compare.oper = oper;
    switch (oper) {
    case FilterOperator::kIs: compare.values.push_back(IsValue(field, value)); return compare;
    case FilterOperator::kIn: InValues(field, value, compare); return compare;
    case FilterOperator::kLike:
    case FilterOperator::kIlike:
      if (value.kind != JsonKind::kString) throw Wrong(field, "a pattern must be a text", PatternHint());
      if (value.text.size() > kMaxPatternBytes) {
        throw TooMuch("filter on \"" + Shown(field) + "\": a pattern is longer than " +
                      std::to_string(kMaxPatternBytes) + " bytes");
      }
      if (EndsInEscape(value.text)) {
        throw Wrong(field, "a pattern must not end in a backslash that escapes nothing",
                    "A backslash takes what is behind it as it is; for a backslash itself write two.");
      }
      break;
    default: break;
    }
    RefuseNull(field, value);
    compare.values.push_back(MakeValue(value));
    return compare;
  }

  static bool EndsInEscape(const std::string &pattern) {
    const std::size_t last = pattern.find_last_not_of('\\');
    const std::size_t backslashes = pattern.size() - (last == std::string::npos ? 0 : last + 1);
    return backslashes % 2 == 1;
  }

  static std::string PatternHint() { return "% stands for any characters, _ for one."; }

  /// SQL's rule makes nothing equal to NULL; who writes it means something else.
  static void RefuseNull(const std::string &field, const JsonValue &value) {
    if (value.kind == JsonKind::kNull) {
      throw Wrong(field, "nothing compares with null", R"(Write {"is": null} or {"is": "not_null"}.)");
    }
  }

  static FilterValue IsValue(const std::string &field, const JsonValue &value) {
    for (const std::string_view known : {"null", "not_null", "true", "false"}) {
      if (value.IsScalar() && value.text == known) return MakeValue(value);
    }
    throw Wrong(field, "is needs null, not_null, true or false", R"(Write {"is": null} or {"is": "not_null"}.)");
  }

  static void InValues(const std::string &field, const JsonValue &list, Filter &compare) {
    if (list.kind != JsonKind::kArray) throw Wrong(field, "in needs a list", R"(Write {"in": ["a", "b"]}.)");
    if (list.items.size() > static_cast<std::size_t>(kMaxInValues)) {
      throw TooMuch("filter on \"" + Shown(field) + "\": in has more than " + std::to_string(kMaxInValues) + " values");
    }
    for (const JsonValue &item : list.items) {
      RefuseNull(field, item);
      compare.values.push_back(MakeValue(item));
    }
  }

  int conditions_ = 0;
};

} // namespace

std::string_view OperatorName(FilterOperator oper) {
  for (const NamedOperator &known : kOperators) {
    if (known.oper == oper) return known.name;
  }
  return "?";
}

Filter ParseFilters(std::string_view json) {
  const JsonValue document = ReadJson(json, kWhat);
  return Parser().ParseGroup(document, 1);
}

} // namespace itemize
