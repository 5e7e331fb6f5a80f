#include "matching/filter.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace itemize::sidecar::matching {

namespace {

using Kind = Condition::Kind;

/// SQL's three.
enum class Truth : std::uint8_t { kFalse, kUnknown, kTrue };

Truth TruthOf(bool holds) { return holds ? Truth::kTrue : Truth::kFalse; }

bool IsInRange(const Condition &range, const std::string &key) {
  if (range.low && (range.low_counts ? key < *range.low : key <= *range.low)) return false;
  return !range.high || (range.high_counts ? key <= *range.high : key < *range.high);
}

bool IsInBoxes(const std::vector<Box> &boxes, const Box &box) {
  return std::any_of(boxes.begin(), boxes.end(), [&](const Box &one) { return Intersect(one, box); });
}

Truth EvaluatePlace(const Condition &condition, const Value &value) {
  if (!value.box) return Truth::kUnknown;
  if (!IsInBoxes(condition.boxes, *value.box)) return Truth::kFalse;
  if (condition.kind == Kind::kInBoxes) return Truth::kTrue;
  const Circle &circle = condition.circle;
  return TruthOf(DistanceToBox(circle.longitude, circle.latitude, *value.box) <= circle.metres);
}

Truth Evaluate(const Condition &condition, const RowValues &row);

/// Of all (`decides` false) or any (true) of the parts.
Truth EvaluateParts(const Condition &condition, const RowValues &row, Truth decides) {
  Truth truth = decides == Truth::kFalse ? Truth::kTrue : Truth::kFalse;
  for (const Condition &part : condition.parts) {
    const Truth one = Evaluate(part, row);
    if (one == decides) return one;
    if (one == Truth::kUnknown) truth = one;
  }
  return truth;
}

Truth Evaluate(const Condition &condition, const RowValues &row) {
  switch (condition.kind) {
  case Kind::kAnd: return EvaluateParts(condition, row, Truth::kFalse);
  case Kind::kOr: return EvaluateParts(condition, row, Truth::kTrue);
  case Kind::kNot: {
    const Truth inner = Evaluate(condition.parts.front(), row);
    return inner == Truth::kUnknown ? inner : TruthOf(inner == Truth::kFalse);
  }
  default: break;
  }
  const Value &value = row[condition.field];
  switch (condition.kind) {
  case Kind::kIsNull: return TruthOf(value.is_null);
  case Kind::kIsTrue: return TruthOf(value.key && *value.key == condition.keys.front());
  case Kind::kInBoxes:
  case Kind::kInCircle: return EvaluatePlace(condition, value);
  default: break;
  }
  if (!value.key) return Truth::kUnknown;
  if (condition.kind == Kind::kRange) return TruthOf(IsInRange(condition, *value.key));
  return TruthOf(std::binary_search(condition.keys.begin(), condition.keys.end(), *value.key));
}

/// All its digits: what differs at all is another filter.
std::string Exact(double number) {
  std::array<char, 40> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() ? std::string(text.data(), end) : std::string();
}

void AddSized(std::string &text, const std::string &part) { text += std::to_string(part.size()) + ':' + part; }

std::string CanonicalOf(const Condition &condition) {
  std::string text(1, static_cast<char>('a' + static_cast<int>(condition.kind)));
  if (!condition.parts.empty()) {
    std::vector<std::string> parts;
    for (const Condition &part : condition.parts)
      parts.push_back(CanonicalOf(part));
    std::sort(parts.begin(), parts.end());
    for (const std::string &part : parts)
      AddSized(text, part);
    return text;
  }
  text += std::to_string(condition.field);
  for (const std::string &key : condition.keys) {
    text.push_back('=');
    AddSized(text, key);
  }
  if (condition.low) AddSized(text += condition.low_counts ? '[' : '(', *condition.low);
  if (condition.high) AddSized(text += condition.high_counts ? ']' : ')', *condition.high);
  for (const Box &box : condition.boxes) {
    for (const double edge : {box.west, box.south, box.east, box.north})
      text += '/' + Exact(edge);
  }
  if (condition.kind == Kind::kInCircle) {
    for (const double number : {condition.circle.longitude, condition.circle.latitude, condition.circle.metres})
      text += '@' + Exact(number);
  }
  return text;
}

void MarkUsed(const Condition &condition, std::vector<bool> &used) {
  for (const Condition &part : condition.parts)
    MarkUsed(part, used);
  if (condition.parts.empty()) used[condition.field] = true;
}

} // namespace

std::string_view NameOf(Outcome outcome) {
  switch (outcome) {
  case Outcome::kEntered: return "entered";
  case Outcome::kChanged: return "changed";
  case Outcome::kLeft: return "left";
  case Outcome::kNone: break;
  }
  return "none";
}

Filter::Filter(std::shared_ptr<const TypeFacts> facts, Condition condition)
    : facts_(std::move(facts)), condition_(std::move(condition)), canonical_(CanonicalOf(condition_)),
      used_(facts_->fields.size()) {
  MarkUsed(condition_, used_);
}

bool Filter::Matches(const RowValues &row) const { return Evaluate(condition_, row) == Truth::kTrue; }

Outcome Filter::Judge(const ChangedRow &row) const {
  const bool was = row.before && Matches(*row.before);
  const bool is = row.after && Matches(*row.after);
  if (is) return was ? Outcome::kChanged : Outcome::kEntered;
  return was ? Outcome::kLeft : Outcome::kNone;
}

} // namespace itemize::sidecar::matching
