#include "http/search_body.hpp"

#include "http/content.hpp"
#include "http/problem.hpp"

#include <string_view>

namespace itemize::sidecar::http {

namespace {

using Text = std::optional<std::string>;
using Status = read::ReadResult::Status;

/// A number as PostgreSQL writes it; null for none, and for what JSON has no number for.
std::string_view Number(const Text &text) {
  const bool number = text && !text->empty() && text->find_first_not_of("0123456789.eE+-") == std::string::npos;
  return number ? std::string_view(*text) : "null";
}

std::string String(const Text &text) { return text ? JsonString(*text) : "null"; }

std::string ItemsBody(const search::Found &found) {
  std::string body = R"({"items":[)";
  bool first = true;
  for (const search::Hit &hit : found.hits) {
    if (!hit.row && !hit.unencodable && !hit.contended) continue; // gone since it was found
    if (!first) body.push_back(',');
    first = false;
    body += R"({"key":)" + JsonString(hit.key) + R"(,"score":)";
    body += Number(hit.score);
    body += R"(,"distance":)";
    body += Number(hit.distance);
    body += R"(,"price":)";
    body += Number(hit.price);
    body += R"(,"headline":)" + String(hit.headline) + R"(,"item":)";
    if (hit.row)
      body += *hit.row;
    else
      body += R"(null,"problem":)" + ItemProblem(hit.contended ? Status::kContended : Status::kUnencodable);
    body.push_back('}');
  }
  body += R"(],"next":)" + String(found.next) + R"(,"relaxed":)" + (found.relaxed ? "true" : "false");
  if (found.total) {
    body += R"(,"total":)";
    body += Number(found.total);
    body += R"(,"total_is_exact":)";
    body += found.total_is_exact ? "true" : "false";
  }
  return body + '}';
}

std::string CountJson(const search::FacetCount &one) {
  std::string json = "{";
  if (one.low || one.high)
    json += R"("low":)" + String(one.low) + R"(,"high":)" + String(one.high);
  else
    json += R"("value":)" + String(one.value);
  return json + R"(,"count":)" + one.count + '}';
}

std::string FacetsBody(const search::Ask &ask, const search::Found &found) {
  std::string body = R"({"facets":{)";
  for (const std::string &name : ask.facet_names) {
    if (body.back() != '{') body.push_back(',');
    body += JsonString(name) + ":[";
    for (const search::FacetCount &one : found.facets) {
      if (one.facet != name) continue;
      if (body.back() != '[') body.push_back(',');
      body += CountJson(one);
    }
    body.push_back(']');
  }
  return body + "}}";
}

std::string ClustersBody(const search::Found &found) {
  std::string body = R"({"clusters":[)";
  for (const search::Cluster &one : found.clusters) {
    if (body.back() != '[') body.push_back(',');
    body += R"({"count":)" + one.count + R"(,"lon":)" + one.longitude + R"(,"lat":)" + one.latitude + R"(,"bbox":[)" +
            one.west + ',' + one.south + ',' + one.east + ',' + one.north + ']';
    if (one.key) body += R"(,"key":)" + JsonString(*one.key);
    body.push_back('}');
  }
  return body + "]}";
}

} // namespace

std::string SearchBody(const search::Ask &ask, const search::Found &found) {
  switch (ask.kind) {
  case search::Kind::kSearch: return ItemsBody(found);
  case search::Kind::kFacets: return FacetsBody(ask, found);
  case search::Kind::kClusters: break;
  }
  return ClustersBody(found);
}

} // namespace itemize::sidecar::http
