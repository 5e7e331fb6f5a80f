// What stands behind the = in the query of a search: text → value. Pure: what it says depends on nothing else.
#pragma once

#include "http/problem.hpp"

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace itemize::sidecar::http {

/// Half of the Earth's circumference: no two places are farther from each other.
inline constexpr double kMaxRadiusMetres = 20'037'508;

[[nodiscard]] constexpr bool IsDigit(char c) { return c >= '0' && c <= '9'; }
[[nodiscard]] constexpr bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// A finite decimal number from `low` to `high`, whatever the locale; nothing when it is none.
[[nodiscard]] std::optional<double> ParseWithin(std::string_view text, double low, double high);

/// In the form that PostgreSQL and PostGIS read: not each that ParseWithin takes is one in WKT.
[[nodiscard]] std::string NumberText(double number);

/// Digits with at most one point between them: a numeric, to be taken as it is.
[[nodiscard]] bool IsDecimal(std::string_view text);

/// The form of BCP 47: letters, then parts of letters and digits.
[[nodiscard]] bool IsLanguageTag(std::string_view text);

/// `name`, `name.desc`, `name.asc.nullslast`, … separated by commas. Which names there are says the database.
[[nodiscard]] bool IsOrder(std::string_view text);

/// The form of a `next`. Whether it is one says the database.
[[nodiscard]] bool IsCursor(std::string_view text);

/// `500`, `500m`, `5km`, `3mi` in metres; nothing when it is none of those, negative, or too far.
[[nodiscard]] std::optional<double> ParseDistance(std::string_view text);

inline constexpr std::string_view kBboxForm =
    "bbox must be west,south,east,north in degrees, south not above north; west above east crosses the antimeridian";

/// West, south, east and north of a text of that form.
[[nodiscard]] std::optional<std::array<double, 4>> ParseBbox(std::string_view text);

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
