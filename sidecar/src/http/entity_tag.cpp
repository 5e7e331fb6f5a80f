#include "http/entity_tag.hpp"

namespace itemize::sidecar::http {

namespace {

/// Takes blanks and at most one comma off the front.
void SkipSeparator(std::string_view &rest) {
  while (!rest.empty() && (rest.front() == ' ' || rest.front() == '\t' || rest.front() == ','))
    rest.remove_prefix(1);
}

} // namespace

bool IsAnyTag(std::string_view field) {
  SkipSeparator(field);
  return field == "*";
}

bool IfNoneMatchHits(std::string_view field, std::string_view tag) {
  SkipSeparator(field);
  if (field == "*") return true;
  while (!field.empty()) {
    if (field.substr(0, 2) == "W/") field.remove_prefix(2);
    if (field.empty() || field.front() != '"') return false;
    const std::size_t end = field.find('"', 1);
    if (end == std::string_view::npos) return false;
    if (field.substr(0, end + 1) == tag) return true;
    field.remove_prefix(end + 1);
    SkipSeparator(field);
  }
  return false;
}

} // namespace itemize::sidecar::http
