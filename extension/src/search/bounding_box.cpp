#include "search/bounding_box.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iterator>

namespace itemize {

namespace {

constexpr double kDegree = 3.14159265358979323846 / 180;
constexpr double kPole = 90;

/// The least number not below `from` that is `angle` on the circle.
double NotBelow(double angle, double from) { return angle + 360 * std::ceil((from - angle) / 360); }

/// Where in [from, to], degrees, the cosine of the distance to `centre` is greatest.
double NearestTo(double centre, double from, double to) {
  if (NotBelow(centre, from) <= to) return NotBelow(centre, from);
  return std::cos((from - centre) * kDegree) >= std::cos((to - centre) * kDegree) ? from : to;
}

/// Back into [-180, 180].
double Longitude(double degrees) { return degrees > 180 ? degrees - 360 : degrees; }

void AppendPoint(std::string &text, double longitude, double latitude) {
  char point[64];
  // 17 digits bring back the same double.
  const int length = std::snprintf(std::begin(point), std::size(point), "%.17g %.17g", longitude, latitude);
  if (text.back() != '(') text += ',';
  text.append(std::begin(point), static_cast<std::size_t>(length));
}

/// Vertices along a parallel from one longitude to the other; a pole is one point.
void AppendParallel(std::string &text, double from, double to, double latitude) {
  if (std::abs(latitude) >= kPole) {
    AppendPoint(text, 0, latitude);
    return;
  }
  const int steps = std::max(1, static_cast<int>(std::ceil(std::abs(to - from))));
  for (int i = 0; i <= steps; ++i) {
    const double longitude = i == steps ? to : from + (to - from) * i / steps;
    AppendPoint(text, Longitude(longitude), latitude);
  }
}

/// A first vertex for the ring to be closed with.
void AppendCorner(std::string &text, double longitude, double latitude) {
  AppendPoint(text, std::abs(latitude) >= kPole ? 0 : Longitude(longitude), latitude);
}

} // namespace

const char *FindBoxProblem(const BoundingBox &box) {
  for (const double value : {box.west, box.south, box.east, box.north}) {
    if (!std::isfinite(value)) return "its numbers must be finite";
  }
  if (std::abs(box.west) > 180 || std::abs(box.east) > 180) return "longitudes are from -180 to 180";
  if (std::abs(box.south) > kPole || std::abs(box.north) > kPole) return "latitudes are from -90 to 90";
  if (box.south > box.north) return "its south is north of its north";
  return nullptr;
}

bool TouchesAntimeridian(const BoundingBox &box) { return box.west > box.east || box.west == -180 || box.east == 180; }

std::string ExtremePointsText(const BoundingBox &box) {
  const double west = box.west;
  const double east = box.west > box.east ? box.east + 360 : box.east;
  const double nearest_equator = std::min(std::max(0.0, box.south), box.north);
  const double nearest_pole = std::abs(box.south) > std::abs(box.north) ? box.south : box.north;
  std::string text = "MULTIPOINT(";
  // x is greatest towards longitude 0 and least towards 180, y towards 90 and -90; both shrink towards the poles, so
  // where the best is still negative it is greatest there.
  for (const double centre : {0.0, 180.0, 90.0, -90.0}) {
    const double longitude = NearestTo(centre, west, east);
    const bool towards = std::cos((longitude - centre) * kDegree) >= 0;
    AppendPoint(text, Longitude(longitude), towards ? nearest_equator : nearest_pole);
  }
  AppendPoint(text, west, box.south);
  AppendPoint(text, west, box.north);
  // One meridian by two names: in floating point they are two, some 1e-16 from each other.
  if (TouchesAntimeridian(box)) {
    for (const double longitude : {-180.0, 180.0})
      AppendPoint(text, longitude, nearest_equator);
  }
  text += ')';
  return text;
}

std::string RegionText(const BoundingBox &box) {
  constexpr double kWidestPart = 90;
  const double east = box.west > box.east ? box.east + 360 : box.east;
  const double width = east - box.west;
  const int parts = std::max(1, static_cast<int>(std::ceil(width / kWidestPart)));
  std::string text = "MULTIPOLYGON(";
  for (int i = 0; i < parts; ++i) {
    const double from = box.west + width * i / parts;
    const double to = i + 1 == parts ? east : box.west + width * (i + 1) / parts;
    text += i > 0 ? ",((" : "((";
    // From pole to pole there is more than one shortest way.
    const bool is_high = box.north - box.south > kPole;
    const double middle = (box.south + box.north) / 2;
    // Of a pole alone there would be no ring.
    const bool is_pole = box.south >= kPole || box.north <= -kPole;
    if (is_pole) {
      AppendParallel(text, 0, 0, box.south);
      AppendParallel(text, 0, 0, box.south);
    }
    AppendParallel(text, from, to, box.south);
    if (is_high) AppendPoint(text, Longitude(to), middle);
    AppendParallel(text, to, from, box.north);
    if (is_high) AppendPoint(text, Longitude(from), middle);
    AppendCorner(text, from, box.south);
    text += "))";
  }
  text += ')';
  return text;
}

} // namespace itemize
