// From the JSON of a search's filters to conditions.
#include "matching/filter.hpp"
#include "matching/order_key.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <stdexcept>

namespace itemize::sidecar::matching {

namespace {

using Kind = Condition::Kind;
using nlohmann::json;

/// What is wrong with a filter, for whoever wrote it.
class Wrong : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

std::string Quoted(std::string_view text) {
  constexpr std::size_t kShown = 100;
  return '\'' + std::string(text.substr(0, kShown)) + '\'';
}

constexpr std::string_view kOperators = "eq, neq, in, lt, lte, gt, gte, is and not";

class Compiler {
public:
  explicit Compiler(const TypeFacts &facts) : facts_(facts) {}

  /// All members of an object of filters, as parts of one condition.
  Condition Filters(const json &filters) {
    Condition all;
    for (const auto &[name, value] : filters.items()) {
      if (name == "or" || name == "and") {
        all.parts.push_back(Group(name == "or" ? Kind::kOr : Kind::kAnd, value));
      } else if (name == "not") {
        all.parts.push_back(Negated(Filters(value)));
      } else {
        Operators(FieldOf(name), value, all.parts);
      }
    }
    return Simplified(std::move(all));
  }

  Condition Equal(const std::string &what, const std::optional<std::string> &column, const std::string &text) {
    if (!column) throw Wrong("the type " + facts_.type + " has no " + what + " in its definition");
    const auto field = facts_.IndexOf(*column);
    if (!field) throw Wrong("the " + what + " of " + facts_.type + " is not among its fields, which alone are told");
    return List(*field, json::array({text}), "eq");
  }

  Condition Place(Kind kind) {
    if (!facts_.location) throw Wrong("the type " + facts_.type + " has no location in its definition");
    const auto field = facts_.IndexOf(*facts_.location);
    if (!field || facts_.fields[*field].kind != FieldKind::kPlace)
      throw Wrong("the location of " + facts_.type + " is not among its fields, which alone are told");
    Condition place;
    place.kind = kind;
    place.field = *field;
    Count();
    return place;
  }

  static Condition Simplified(Condition joined);

private:
  void Count() {
    if (++conditions_ > kMaxConditions)
      throw Wrong("a live filter has at most " + std::to_string(kMaxConditions) + " conditions");
  }

  [[nodiscard]] std::size_t FieldOf(const std::string &name) const {
    const auto field = facts_.IndexOf(name);
    std::string known;
    for (const Field &one : facts_.fields) {
      if (one.kind == FieldKind::kOther || one.kind == FieldKind::kPlace) continue;
      known += (known.empty() ? "" : ", ") + one.name;
    }
    if (!field) throw Wrong("the type " + facts_.type + " has no field " + Quoted(name) + "; there are " + known);
    const FieldKind kind = facts_.fields[*field].kind;
    if (kind == FieldKind::kPlace)
      throw Wrong("the field " + Quoted(name) + " is a place: bbox, or lat, lon and radius, are about the location");
    if (kind == FieldKind::kOther)
      throw Wrong("the field " + Quoted(name) + " has a type that live filters do not compare; there are " + known);
    return *field;
  }

  Condition Group(Kind kind, const json &members) {
    Condition group;
    group.kind = kind;
    for (const json &member : members)
      group.parts.push_back(Filters(member));
    return Simplified(std::move(group));
  }

  static Condition Negated(Condition inner) {
    Condition negated;
    negated.kind = Kind::kNot;
    negated.parts.push_back(std::move(inner));
    return negated;
  }

  void Operators(std::size_t field, const json &operators, std::vector<Condition> &parts) {
    for (const auto &[op, value] : operators.items())
      parts.push_back(Operator(field, op, value));
  }

  Condition Operator(std::size_t field, const std::string &op, const json &value) {
    if (op == "not") {
      Condition inner;
      Operators(field, value, inner.parts);
      return Negated(Simplified(std::move(inner)));
    }
    if (op == "eq") return List(field, json::array({value}), op);
    if (op == "neq") return Negated(List(field, json::array({value}), op));
    if (op == "in") return List(field, value, op);
    if (op == "is") return Is(field, value);
    if (op == "lt" || op == "lte" || op == "gt" || op == "gte") return Range(field, op, value);
    throw Wrong("the operator " + op + " is not possible in a live filter; there are " + std::string(kOperators));
  }

  [[nodiscard]] std::string KeyOf(std::size_t field, const json &value) const {
    const Field &about = facts_.fields[field];
    const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    if (text.size() > kMaxValueBytes)
      throw Wrong("a value of a live filter has at most " + std::to_string(kMaxValueBytes) + " bytes; one for " +
                  Quoted(about.name) + " has " + std::to_string(text.size()));
    auto key = OrderKey(about.kind, text);
    if (!key)
      throw Wrong("the field " + Quoted(about.name) + " is compared with " + std::string(NameOf(about.kind)) +
                  ", not with " + Quoted(text));
    return *std::move(key);
  }

  Condition List(std::size_t field, const json &values, const std::string &op) {
    Count();
    if (values.size() > kMaxListValues)
      throw Wrong("a list of a live filter has at most " + std::to_string(kMaxListValues) + " values; that of " +
                  Quoted(facts_.fields[field].name) + '.' + op + " has " + std::to_string(values.size()));
    Condition list;
    list.kind = Kind::kIn;
    list.field = field;
    for (const json &value : values)
      list.keys.push_back(KeyOf(field, value));
    std::sort(list.keys.begin(), list.keys.end());
    list.keys.erase(std::unique(list.keys.begin(), list.keys.end()), list.keys.end());
    return list;
  }

  Condition Is(std::size_t field, const json &value) {
    Count();
    Condition is;
    is.field = field;
    if (value.is_boolean()) {
      if (facts_.fields[field].kind != FieldKind::kBoolean)
        throw Wrong("the field " + Quoted(facts_.fields[field].name) + " is neither true nor false");
      is.kind = Kind::kIsTrue;
      is.keys.push_back(KeyOf(field, value));
      return is;
    }
    is.kind = Kind::kIsNull;
    return value.is_null() ? is : Negated(is);
  }

  Condition Range(std::size_t field, const std::string &op, const json &value) {
    Count();
    if (!IsOrdered(facts_.fields[field].kind))
      throw Wrong("the field " + Quoted(facts_.fields[field].name) + " has no order here; there are eq, neq, in, is");
    Condition range;
    range.kind = Kind::kRange;
    range.field = field;
    const bool counts = op.back() == 'e';
    if (op.front() == 'l') {
      range.high = KeyOf(field, value);
      range.high_counts = counts;
    } else {
      range.low = KeyOf(field, value);
      range.low_counts = counts;
    }
    return range;
  }

  const TypeFacts &facts_;
  std::size_t conditions_ = 0;
};

/// Takes the other's bounds where they are the narrower ones.
void Narrow(Condition &range, const Condition &other) {
  if (other.low && (!range.low || *other.low > *range.low || (*other.low == *range.low && !other.low_counts))) {
    range.low = other.low;
    range.low_counts = other.low_counts;
  }
  if (other.high && (!range.high || *other.high < *range.high || (*other.high == *range.high && !other.high_counts))) {
    range.high = other.high;
    range.high_counts = other.high_counts;
  }
}

/// Without joints in joints of the same kind; the two ends of a range as one.
Condition Compiler::Simplified(Condition joined) {
  std::vector<Condition> parts;
  const auto add = [&](Condition part) {
    const auto same = std::find_if(parts.begin(), parts.end(), [&](const Condition &one) {
      return joined.kind == Kind::kAnd && one.kind == Kind::kRange && part.kind == Kind::kRange &&
             one.field == part.field;
    });
    if (same == parts.end())
      parts.push_back(std::move(part));
    else
      Narrow(*same, part);
  };
  for (Condition &part : joined.parts) {
    if (part.kind != joined.kind) {
      add(std::move(part));
      continue;
    }
    for (Condition &inner : part.parts)
      add(std::move(inner));
  }
  if (parts.size() == 1) return std::move(parts.front());
  joined.parts = std::move(parts);
  return joined;
}

/// Whether an index can propose it: else it would have to be looked at for each change.
bool IsIndexable(const Condition &condition) {
  switch (condition.kind) {
  case Kind::kAnd: return std::any_of(condition.parts.begin(), condition.parts.end(), IsIndexable);
  case Kind::kOr: return std::all_of(condition.parts.begin(), condition.parts.end(), IsIndexable);
  case Kind::kNot: return false;
  default: return true;
  }
}

Condition Compile(const TypeFacts &facts, const std::string &filters, const Places &places) {
  Compiler compiler(facts);
  Condition all;
  if (!filters.empty()) all.parts.push_back(compiler.Filters(json::parse(filters)));
  if (places.owner) all.parts.push_back(compiler.Equal("owner", facts.owner, *places.owner));
  if (places.parent) all.parts.push_back(compiler.Equal("parent", facts.parent, *places.parent));
  if (places.box) {
    Condition box = compiler.Place(Kind::kInBoxes);
    box.boxes = BoxesOf(places.box->west, places.box->south, places.box->east, places.box->north);
    all.parts.push_back(std::move(box));
  }
  if (places.circle) {
    Condition circle = compiler.Place(Kind::kInCircle);
    circle.circle = *places.circle;
    circle.boxes = BoxesAround(circle.circle.longitude, circle.circle.latitude, circle.circle.metres);
    all.parts.push_back(std::move(circle));
  }
  if (all.parts.empty())
    throw Wrong("a filter is needed: a condition on a field, bbox, or lat, lon and radius; all items of the type are "
                "followed by items=" +
                facts.type + "/*");
  all = Compiler::Simplified(std::move(all));
  if (!IsIndexable(all))
    throw Wrong("a live filter needs a condition that says which rows it is about (eq, in, lt, lte, gt, gte, is, bbox, "
                "radius), beside those that say which it is not about; in an or, each of its members");
  return all;
}

} // namespace

std::variant<std::shared_ptr<const Filter>, std::string>
CompileFilter(const std::shared_ptr<const TypeFacts> &facts, const std::string &filters, const Places &places) {
  try {
    return std::make_shared<const Filter>(facts, Compile(*facts, filters, places));
  } catch (const Wrong &wrong) {
    return std::string(wrong.what());
  }
}

} // namespace itemize::sidecar::matching
