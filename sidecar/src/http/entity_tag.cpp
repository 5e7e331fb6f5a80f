#include "http/entity_tag.hpp"

#include "http/content_coding.hpp"

namespace itemize::sidecar::http {

namespace {

/// Takes blanks and at most one comma off the front.
void SkipSeparator(std::string_view &rest) {
  while (!rest.empty() && (rest.front() == ' ' || rest.front() == '\t' || rest.front() == ','))
    rest.remove_prefix(1);
}

/// Whether `is(tag)` holds for one of the tags of a list, weak ones taken for strong or left out.
template <typename Is>
bool NamesTag(std::string_view field, bool weak_as_well, Is is) {
  SkipSeparator(field);
  while (!field.empty()) {
    const bool weak = field.substr(0, 2) == "W/";
    if (weak) field.remove_prefix(2);
    if (field.empty() || field.front() != '"') return false;
    const std::size_t end = field.find('"', 1);
    if (end == std::string_view::npos) return false;
    if ((weak_as_well || !weak) && is(field.substr(0, end + 1))) return true;
    field.remove_prefix(end + 1);
    SkipSeparator(field);
  }
  return false;
}

} // namespace

bool IsAnyTag(std::string_view field) {
  SkipSeparator(field);
  return field == "*";
}

bool IfNoneMatchHits(std::string_view field, std::string_view tag) {
  return IsAnyTag(field) || NamesTag(field, true, [&](std::string_view named) { return named == tag; });
}

bool IfMatchHits(std::string_view field, std::string_view tag) {
  return IsAnyTag(field) || NamesTag(field, false, [&](std::string_view named) {
           return named == tag || named == TagUnder(tag, Coding::kGzip) || named == TagUnder(tag, Coding::kBrotli);
         });
}

} // namespace itemize::sidecar::http
