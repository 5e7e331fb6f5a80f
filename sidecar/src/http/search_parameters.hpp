// The query of /v1/search, /v1/facets and /v1/clusters: URL → question. Pure: what it says depends on nothing else.
#pragma once

#include "http/problem.hpp"
#include "http/target.hpp"
#include "search/ask.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace itemize::sidecar::http {

/// Half of the Earth's circumference: no two places are farther from each other.
inline constexpr double kMaxRadiusMetres = 20'037'508;

/// What is asked for, or the first problem, which names the parameter and the form it must have.
[[nodiscard]] std::variant<search::Ask, Problem> ParseSearch(search::Kind kind, std::string_view type,
                                                             const Parameters &parameters);

/// `500`, `500m`, `5km`, `3mi` in metres; nothing when it is none of those, negative, or too far.
[[nodiscard]] std::optional<double> ParseDistance(std::string_view text);

/// An RFC 3339 date or time as a timestamptz; without a zone in UTC. A space stands for the `+` that a form decodes to
/// one. Nothing when it is none. Whether the day exists says the database.
[[nodiscard]] std::optional<std::string> ParseMoment(std::string_view text);

/// `room_type,price.ranges(0,50,100),created.interval(month)` as jsonb, and the names in it.
struct FacetList {
  std::string json;
  std::vector<std::string> names;
};
[[nodiscard]] std::variant<FacetList, Problem> ParseFacets(std::string_view text);

} // namespace itemize::sidecar::http
