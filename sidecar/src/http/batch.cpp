#include "http/batch.hpp"

#include "http/target.hpp"
#include "http/writes.hpp"
#include "identity/strict_json.hpp"
#include "itemize/key_text.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace itemize::sidecar::http {

namespace {

using nlohmann::json;
using write::Operation;

constexpr std::array<std::pair<std::string_view, Operation>, 4> kOperations{{{"create", Operation::kCreate},
                                                                             {"update", Operation::kPatch},
                                                                             {"replace", Operation::kReplace},
                                                                             {"delete", Operation::kDelete}}};
constexpr std::array<std::string_view, 6> kMembers{{"operation", "type", "key", "value", "if_match", "if_none_match"}};

/// The text of a member; nothing where it is not there. Another value is refused before.
std::optional<std::string> TextOf(const json &object, const char *name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? std::optional(found->get<std::string>()) : std::nullopt;
}

/// Whether U+0000 is anywhere in it: PostgreSQL's texts cannot have that, and its JSON functions stop at it wherever it
/// stands, without a word on which operation it is.
bool HasNul(const json &object) {
  std::vector<const json *> left = {&object};
  const auto has_nul = [](const std::string &text) { return text.find('\0') != std::string::npos; };
  while (!left.empty()) {
    const json &value = *left.back();
    left.pop_back();
    if (value.is_string() && has_nul(value.get_ref<const std::string &>())) return true;
    if (!value.is_structured()) continue;
    for (const auto &[name, member] : value.items()) {
      if (value.is_object() && has_nul(name)) return true;
      left.push_back(&member);
    }
  }
  return false;
}

std::optional<Problem> CheckMembers(const json &object) {
  if (!object.is_object()) return BadRequest("an operation must be a JSON object");
  for (const auto &[name, value] : object.items()) {
    if (std::find(kMembers.begin(), kMembers.end(), name) == kMembers.end())
      return BadRequest("an operation has no member " + Quoted(name));
    if (name == "value" ? !value.is_object() : !value.is_string())
      return BadRequest(name + (name == "value" ? " must be a JSON object" : " must be a text"));
  }
  return std::nullopt;
}

std::variant<write::Change, Problem> ParseOperation(const json &object) {
  if (auto problem = CheckMembers(object)) return *std::move(problem);
  if (HasNul(object)) {
    return Problem{
        ProblemKind::kInvalidItem, "a text has the character U+0000, which PostgreSQL cannot store: leave it out", {}};
  }
  const auto name = TextOf(object, "operation");
  const auto *const known =
      std::find_if(kOperations.begin(), kOperations.end(), [&](const auto &one) { return one.first == name; });
  if (known == kOperations.end()) return BadRequest("operation must be one of create, update, replace and delete");
  write::Change change;
  change.operation = known->second;
  const auto type = TextOf(object, "type");
  if (!type) return BadRequest("type is missing: an operation is of an item type");
  if (!IsTypeName(*type)) return Problem{ProblemKind::kNotFound, {}, {}};
  change.type = *type;
  const auto key = TextOf(object, "key");
  if (key.has_value() == (change.operation == Operation::kCreate))
    return BadRequest(key ? "create takes no key: it stands among the fields" : "key is missing");
  if (key) {
    auto canonical = CanonicalClientKey(*key);
    if (!canonical) return Problem{ProblemKind::kMalformedKey, Quoted(*key) + " is no key text", {}};
    change.key = *std::move(canonical);
  }
  if (object.contains("value") == (change.operation == Operation::kDelete))
    return BadRequest(change.operation == Operation::kDelete ? "delete takes no value" : "value is missing");
  if (auto problem = TakeConditions(change, TextOf(object, "if_match"), TextOf(object, "if_none_match")))
    return *std::move(problem);
  return change;
}

} // namespace

std::variant<std::vector<write::Change>, Problem> ParseBatch(std::string_view body) {
  const auto batch = identity::ParseStrict(body);
  if (!batch || !batch->is_array())
    return BadRequest("the body must be one JSON array in UTF-8, with no member twice, nested at most 32 deep");
  if (batch->empty() || batch->size() > kMostOperations)
    return BadRequest("a batch has 1 to " + std::to_string(kMostOperations) + " operations");
  std::vector<write::Change> changes;
  for (const json &object : *batch) {
    auto parsed = ParseOperation(object);
    if (auto *problem = std::get_if<Problem>(&parsed)) {
      problem->operation = changes.size();
      return std::move(*problem);
    }
    changes.push_back(std::get<write::Change>(std::move(parsed)));
  }
  return changes;
}

} // namespace itemize::sidecar::http
