#include "write/kept_answer.hpp"

#include <nlohmann/json.hpp>

#include <stdexcept>

namespace itemize::sidecar::write {

namespace {

using nlohmann::json;

/// [[key, item, created], …]
std::string Format(const std::vector<Written> &written, bool whole) {
  json kept = json::array();
  for (const Written &one : written)
    kept.push_back({one.key, whole ? one.item : std::string(), one.created});
  return kept.dump(-1, ' ', false, json::error_handler_t::replace);
}

} // namespace

std::string FormatKept(const std::vector<Written> &written) {
  std::size_t bytes = 0;
  for (const Written &one : written)
    bytes += one.item.size();
  if (bytes > kMostKeptBytes) return Format(written, false);
  std::string kept = Format(written, true);
  return kept.size() <= kMostKeptBytes ? kept : Format(written, false);
}

std::vector<Written> ParseKept(std::string_view kept) {
  std::vector<Written> written;
  try {
    for (const json &one : json::parse(kept))
      written.push_back({one.at(0).get<std::string>(), one.at(1).get<std::string>(), one.at(2).get<bool>()});
  } catch (const json::exception &error) {
    throw std::runtime_error(std::string("itemize.kept_answer has an answer of another version: ") + error.what());
  }
  return written;
}

} // namespace itemize::sidecar::write
