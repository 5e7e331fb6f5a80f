// Boxes of longitudes and latitudes, and distances on the Earth.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace itemize::sidecar::matching {

/// Degrees; west is not above east, south not above north.
struct Box {
  double west = 0;
  double south = 0;
  double east = 0;
  double north = 0;
};

[[nodiscard]] constexpr bool Intersect(const Box &a, const Box &b) {
  return a.west <= b.east && b.west <= a.east && a.south <= b.north && b.south <= a.north;
}

/// Of all positions of a geometry as GeoJSON in compact form; nothing when it has none.
[[nodiscard]] std::optional<Box> BoxOfGeoJson(std::string_view json);

/// One box, or two where `west` is above `east`: then it crosses the antimeridian. A meridian that is 180 degrees west
/// is 180 degrees east as well.
[[nodiscard]] std::vector<Box> BoxesOf(double west, double south, double east, double north);

/// What surely holds all that is within `metres` of a point.
[[nodiscard]] std::vector<Box> BoxesAround(double longitude, double latitude, double metres);

/// Metres between two points, on the ellipsoid of WGS 84 by Vincenty's formula: of nearly opposite points, for which
/// that has no end, on a sphere.
[[nodiscard]] double Distance(double longitude_a, double latitude_a, double longitude_b, double latitude_b);

/// From a point to the nearest one of the box; 0 in it.
[[nodiscard]] double DistanceToBox(double longitude, double latitude, const Box &box);

} // namespace itemize::sidecar::matching
