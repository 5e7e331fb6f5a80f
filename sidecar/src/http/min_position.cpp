#include "http/min_position.hpp"

#include "itemize/lsn.hpp"

#include <algorithm>

namespace itemize::sidecar::http {

namespace {

constexpr std::string_view kField = "Itemize-Min-Position";

} // namespace

std::optional<std::string_view> FindPreference(const RequestHead &head, std::string_view name) {
  for (const HeaderField &field : head.fields) {
    if (!EqualsIgnoringCase(field.name, "Prefer")) continue;
    std::string_view rest = field.value;
    while (!rest.empty()) {
      std::string_view value = TakeUpTo(',', rest);
      value = TakeUpTo(';', value); // parameters of a preference
      if (!EqualsIgnoringCase(TakeUpTo('=', value), name)) continue;
      value = TrimBlanks(value);
      if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
      return value;
    }
  }
  return std::nullopt;
}

std::optional<std::chrono::seconds> PreferredWait(const RequestHead &head) {
  const auto value = FindPreference(head, "wait"); // the first one counts
  const bool digits = value && !value->empty() && value->find_first_not_of("0123456789") == std::string_view::npos;
  if (!digits) return std::nullopt;
  // A number too large for one is longer than any wait.
  const std::uint64_t seconds = ParseUint64(*value).value_or(UINT64_MAX);
  return std::chrono::seconds(std::min<std::uint64_t>(seconds, kLongestPositionWait.count()));
}

std::variant<read::ReadDemand, Problem> ParseDemand(const RequestHead &head, const authorization::Viewer &viewer) {
  read::ReadDemand demand;
  demand.viewer = viewer;
  for (const HeaderField &field : head.fields) {
    if (!EqualsIgnoringCase(field.name, kField)) continue;
    if (demand.at_least) return Problem{ProblemKind::kBadRequest, std::string(kField) + " is given twice", {}};
    demand.at_least = ParsePosition(TrimBlanks(field.value));
    if (!demand.at_least) {
      return Problem{ProblemKind::kBadRequest,
                     std::string(kField) + " is no position: pass an Itemize-Position, an event's id, or what "
                                           "itemize.token() gave, as it is",
                     {}};
    }
  }
  if (demand.at_least) demand.wait = PreferredWait(head).value_or(kDefaultPositionWait);
  return demand;
}

} // namespace itemize::sidecar::http
