#include "identity/strict_json.hpp"

#include <set>
#include <string>
#include <vector>

namespace itemize::sidecar::identity {

namespace {

using nlohmann::json;

/// Far more than claims have; what is written or freed by recursion stays shallow.
constexpr int kMostDepth = 32;

} // namespace

std::optional<json> ParseStrict(std::string_view text) {
  // nlohmann::json takes it for the end of the text.
  if (text.find('\0') != std::string_view::npos) return std::nullopt;
  bool sound = true;
  std::vector<std::set<std::string>> names;
  const auto watch = [&](int depth, json::parse_event_t event, json &parsed) {
    if (depth > kMostDepth) sound = false;
    if (event == json::parse_event_t::object_start) names.emplace_back();
    if (event == json::parse_event_t::object_end) names.pop_back();
    if (event == json::parse_event_t::key && !names.back().insert(parsed.get<std::string>()).second) sound = false;
    return sound;
  };
  json parsed = json::parse(text.begin(), text.end(), watch, false);
  if (!sound || parsed.is_discarded()) return std::nullopt;
  return parsed;
}

std::optional<json> ParseStrictObject(std::string_view text) {
  auto parsed = ParseStrict(text);
  if (!parsed || !parsed->is_object()) return std::nullopt;
  return parsed;
}

} // namespace itemize::sidecar::identity
