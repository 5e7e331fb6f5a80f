#include "http/filter_parameters.hpp"

#include "http/target.hpp"

#include <algorithm>
#include <array>
#include <variant>

namespace itemize::sidecar::http {

namespace {

constexpr std::string_view kNot = "not.";
constexpr std::array<std::string_view, 2> kGroups{"or", "and"};

/// How an operator's value is written.
enum class Form { kValue, kPattern, kList, kArray, kWord };

struct Operator {
  std::string_view name;
  Form form;
};

constexpr std::array<Operator, 13> kOperators{{
    {"eq", Form::kValue},
    {"neq", Form::kValue},
    {"gt", Form::kValue},
    {"gte", Form::kValue},
    {"lt", Form::kValue},
    {"lte", Form::kValue},
    {"like", Form::kPattern},
    {"ilike", Form::kPattern},
    {"in", Form::kList},
    {"cs", Form::kArray},
    {"cd", Form::kArray},
    {"ov", Form::kArray},
    {"is", Form::kWord},
}};

const Operator *FindOperator(std::string_view name) {
  for (const Operator &one : kOperators) {
    if (one.name == name) return &one;
  }
  return nullptr;
}

std::string OperatorNames() {
  std::string names;
  for (const Operator &one : kOperators) {
    if (!names.empty()) names += ", ";
    names += one.name;
  }
  return names;
}

/// Takes `not.` and the operator off the front of `text`.
struct Spoken {
  bool negated = false;
  const Operator *op = nullptr;
  std::string_view value;
};

Spoken Speak(std::string_view text) {
  Spoken spoken;
  if (text.substr(0, kNot.size()) == kNot) {
    spoken.negated = true;
    text.remove_prefix(kNot.size());
  }
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos) return spoken;
  spoken.op = FindOperator(text.substr(0, dot));
  spoken.value = text.substr(dot + 1);
  return spoken;
}

/// An element of a list, without its quotes; in them `\"` and `\\` are written with a backslash.
std::optional<std::string> Unquoted(std::string_view element) {
  if (element.empty() || element.front() != '"') {
    if (element.find('"') != std::string_view::npos) return std::nullopt;
    return std::string(element);
  }
  std::string text;
  std::size_t at = 1;
  for (; at < element.size() && element[at] != '"'; ++at) {
    if (element[at] == '\\' && at + 1 < element.size()) ++at;
    text.push_back(element[at]);
  }
  if (at + 1 != element.size()) return std::nullopt;
  return text;
}

/// `(a,"b,c")` or `{a,b}` as a JSON array.
std::optional<std::string> ListJson(std::string_view value, char open, char close) {
  if (value.size() < 2 || value.front() != open || value.back() != close) return std::nullopt;
  const std::string_view inside = value.substr(1, value.size() - 2);
  std::string json = "[";
  if (!inside.empty()) {
    const auto elements = SplitOutside(inside);
    if (!elements || elements->size() > kMaxFilterElements) return std::nullopt;
    for (const std::string &element : *elements) {
      const auto text = Unquoted(element);
      if (!text) return std::nullopt;
      if (json.size() > 1) json.push_back(',');
      json += JsonString(*text);
    }
  }
  return json + ']';
}

std::optional<std::string> WordJson(std::string_view value) {
  if (value == "null" || value == "true" || value == "false") return std::string(value);
  if (value == "not_null") return R"("not_null")";
  return std::nullopt;
}

std::string PatternJson(std::string_view value) {
  std::string pattern(value);
  std::replace(pattern.begin(), pattern.end(), '*', '%'); // as PostgREST: a % would have to be escaped in a URL
  return JsonString(pattern);
}

/// `{"a":1}`, and not the list `{"a"}`: a name and a colon come first.
bool IsJsonObject(std::string_view value) {
  if (value.substr(0, 2) != "{\"" || value.back() != '}') return false;
  const std::size_t end = value.find('"', 2);
  if (end == std::string_view::npos) return false;
  const std::size_t next = value.find_first_not_of(' ', end + 1);
  return next != std::string_view::npos && value[next] == ':';
}

/// What is no list, but a range or JSON, is for the column's type to read.
bool IsRangeOrJson(std::string_view value) {
  if (value.size() < 2) return false;
  const bool is_closed = value.back() == ']' || value.back() == ')';
  if (value.front() == '[') return is_closed;
  if (value.front() == '(') return is_closed && value.find(',') != std::string_view::npos;
  return IsJsonObject(value);
}

/// The JSON of an operator's value, or what form it must have.
std::variant<std::string, Problem> ValueJson(const std::string &field, const Operator &op, std::string_view value) {
  const std::string name = field + '=' + std::string(op.name) + '.';
  const std::string elements = "at most " + std::to_string(kMaxFilterElements) + " elements";
  switch (op.form) {
  case Form::kValue: return JsonString(value);
  case Form::kPattern: return PatternJson(value);
  case Form::kList: {
    auto json = ListJson(value, '(', ')');
    if (!json || *json == "[]") {
      return BadRequest(name + " needs a list in parentheses, of " + elements + ": " + name + "(a,\"b,c\")");
    }
    return *std::move(json);
  }
  case Form::kArray: {
    if (IsRangeOrJson(value)) return JsonString(value);
    auto json = ListJson(value, '{', '}');
    if (!json) return BadRequest(name + " needs a list in braces, of " + elements + ": " + name + "{a,\"b,c\"}");
    return *std::move(json);
  }
  case Form::kWord: break;
  }
  auto json = WordJson(value);
  if (!json) return BadRequest(name + " needs one of null, not_null, true and false, not " + Quoted(value));
  return *std::move(json);
}

/// `{"op":value}`, or `{"not":{"op":value}}`.
struct Parsed {
  std::string op;
  std::string json;
};

std::variant<Parsed, Problem> Parse(const std::string &field, std::string_view text) {
  if (!IsDatabaseText(field) || !IsDatabaseText(text))
    return BadRequest("the filter " + Quoted(field) + " is no UTF-8 text");
  const Spoken spoken = Speak(text);
  if (spoken.op == nullptr) {
    return BadRequest("the filter " + Quoted(field) + " must have the form " + field.substr(0, 100) +
                      "=OPERATOR.VALUE or =not.OPERATOR.VALUE, with one of the operators " + OperatorNames());
  }
  auto value = ValueJson(field.substr(0, 100), *spoken.op, spoken.value);
  if (auto *problem = std::get_if<Problem>(&value)) return std::move(*problem);
  const std::string inner = JsonString(spoken.op->name) + ':' + std::get<std::string>(value);
  if (spoken.negated) return Parsed{"not", R"("not":{)" + inner + '}'};
  return Parsed{std::string(spoken.op->name), inner};
}

/// A member of a list: a condition `field.op.value`, or again a list `or(…)`, `and(…)`, either behind `not.`.
class GroupReader {
public:
  /// `"or":[…]` of `(…)`.
  std::variant<std::string, Problem> Read(std::string_view name, std::string_view list, int depth) {
    const auto bad = [&] {
      return BadRequest(std::string(name) + " must have the form (field.op.value,field.op.value)");
    };
    if (depth > kMaxFilterDepth)
      return BadRequest("filters must not be nested more than " + std::to_string(kMaxFilterDepth) + " deep");
    if (list.size() < 2 || list.front() != '(' || list.back() != ')') return bad();
    const auto members = SplitOutside(list.substr(1, list.size() - 2));
    if (!members) return bad();
    std::string json;
    for (const std::string &member : *members) {
      auto one = Member(member, depth);
      if (!one) return bad();
      if (auto *problem = std::get_if<Problem>(&*one)) return std::move(*problem);
      if (!json.empty()) json.push_back(',');
      json += '{' + std::get<std::string>(*one) + '}';
    }
    return JsonString(name) + ":[" + json + ']';
  }

private:
  /// Nothing where it has no such form.
  std::optional<std::variant<std::string, Problem>> Member(std::string_view member, int depth) {
    const bool negated = member.substr(0, kNot.size()) == kNot;
    const std::string_view plain = negated ? member.substr(kNot.size()) : member;
    for (const std::string_view group : kGroups) {
      if (plain.substr(0, group.size()) != group || plain.substr(group.size(), 1) != "(") continue;
      auto inner = Read(group, plain.substr(group.size()), depth + 1);
      if (std::holds_alternative<Problem>(inner) || !negated) return inner;
      return R"("not":{)" + std::get<std::string>(inner) + '}';
    }
    return Condition(member);
  }

  std::optional<std::variant<std::string, Problem>> Condition(std::string_view member) {
    const std::size_t dot = member.find('.');
    if (dot == std::string_view::npos || dot == 0) return std::nullopt;
    if (++conditions_ > kMaxFilters)
      return BadRequest("at most " + std::to_string(kMaxFilters) + " filters are allowed");
    const std::string field(member.substr(0, dot));
    auto parsed = Parse(field, member.substr(dot + 1));
    if (auto *problem = std::get_if<Problem>(&parsed)) return std::move(*problem);
    return JsonString(field) + ":{" + std::get<Parsed>(parsed).json + '}';
  }

  std::size_t conditions_ = 0;
};

} // namespace

std::optional<std::vector<std::string>> SplitOutside(std::string_view list) {
  std::vector<std::string> parts(1);
  std::string open; // what must be closed, innermost last
  bool quoted = false;
  for (std::size_t at = 0; at < list.size(); ++at) {
    const char c = list[at];
    if (quoted) {
      parts.back().push_back(c);
      if (c == '\\' && at + 1 < list.size()) parts.back().push_back(list[++at]);
      quoted = c != '"';
      continue;
    }
    if (c == ',' && open.empty()) {
      parts.emplace_back();
      continue;
    }
    if (c == '"') quoted = true;
    if (c == '(') open.push_back(')');
    if (c == '{') open.push_back('}');
    if (!open.empty() && c == open.back())
      open.pop_back();
    else if (c == ')' || c == '}')
      return std::nullopt;
    parts.back().push_back(c);
  }
  if (quoted || !open.empty()) return std::nullopt;
  return parts;
}

bool FilterParameters::JoinsFilters(std::string_view name) {
  return std::find(kGroups.begin(), kGroups.end(), name) != kGroups.end();
}

bool FilterParameters::LooksLikeFilter(std::string_view value) { return Speak(value).op != nullptr; }

std::optional<Problem> FilterParameters::Add(const std::string &name, const std::string &value) {
  if (conditions_.size() == kMaxFilters)
    return BadRequest("at most " + std::to_string(kMaxFilters) + " filters are allowed");
  if (JoinsFilters(name)) return AddGroup(name, value);
  auto parsed = Parse(name, value);
  if (auto *problem = std::get_if<Problem>(&parsed)) return std::move(*problem);
  auto &condition = std::get<struct Parsed>(parsed);
  const auto same = [&](const Condition &other) { return other.field == name && other.op == condition.op; };
  if (std::any_of(conditions_.begin(), conditions_.end(), same)) {
    return BadRequest("the filter " + Quoted(name) + " is given twice with " + condition.op);
  }
  conditions_.push_back({name, std::move(condition.op), std::move(condition.json)});
  return std::nullopt;
}

std::optional<Problem> FilterParameters::AddGroup(const std::string &name, const std::string &value) {
  const auto same = [&](const Group &other) { return other.name == name; };
  if (std::any_of(groups_.begin(), groups_.end(), same))
    return BadRequest("the parameter " + Quoted(name) + " is given twice");
  auto json = GroupReader().Read(name, value, 1);
  if (auto *problem = std::get_if<Problem>(&json)) return std::move(*problem);
  groups_.push_back({name, std::get<std::string>(std::move(json))});
  return std::nullopt;
}

std::optional<std::string> FilterParameters::Json() const {
  if (conditions_.empty() && groups_.empty()) return std::nullopt;
  std::vector<std::string> fields; // each once, in the order given
  for (const Condition &condition : conditions_) {
    if (std::find(fields.begin(), fields.end(), condition.field) == fields.end()) fields.push_back(condition.field);
  }
  std::string json;
  for (const std::string &field : fields) {
    if (!json.empty()) json.push_back(',');
    std::string operators;
    for (const Condition &condition : conditions_) {
      if (condition.field != field) continue;
      if (!operators.empty()) operators.push_back(',');
      operators += condition.json;
    }
    json += JsonString(field) + ":{" + operators + '}';
  }
  for (const Group &group : groups_) {
    if (!json.empty()) json.push_back(',');
    json += group.json;
  }
  return '{' + json + '}';
}

} // namespace itemize::sidecar::http
