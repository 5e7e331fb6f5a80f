#include "matching/place.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace itemize::sidecar::matching {

namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kHalfTurn = 180;
constexpr double kTurn = 360;
constexpr double kQuarterTurn = 90;

double Radians(double degrees) { return degrees / kHalfTurn * kPi; }

/// Great circle on a sphere with the Earth's mean radius.
double SphereDistance(double longitude_a, double latitude_a, double longitude_b, double latitude_b) {
  constexpr double kMeanRadius = 6'371'008.8;
  const double half_latitude = std::sin(Radians(latitude_b - latitude_a) / 2);
  const double half_longitude = std::sin(Radians(longitude_b - longitude_a) / 2);
  const double square = half_latitude * half_latitude +
                        std::cos(Radians(latitude_a)) * std::cos(Radians(latitude_b)) * half_longitude * half_longitude;
  return 2 * kMeanRadius * std::asin(std::sqrt(std::min(1.0, square)));
}

/// Reads a number at `at` and moves behind it.
bool TakeNumber(std::string_view json, std::size_t &at, double &number) {
  const auto [end, error] = std::from_chars(json.data() + at, json.data() + json.size(), number);
  if (error != std::errc()) return false;
  at = static_cast<std::size_t>(end - json.data());
  return true;
}

} // namespace

std::optional<Box> BoxOfGeoJson(std::string_view json) {
  if (json.empty() || json.front() != '{') return std::nullopt; // what GeoJSON cannot express is a text
  std::optional<Box> box;
  // An array that begins with a number is a position, and nothing else is.
  for (std::size_t at = json.find('['); at != std::string_view::npos; at = json.find('[', at)) {
    ++at;
    double longitude = 0;
    double latitude = 0;
    if (!TakeNumber(json, at, longitude)) continue;
    if (at >= json.size() || json[at] != ',' || !TakeNumber(json, ++at, latitude)) return std::nullopt;
    if (!box) box = Box{longitude, latitude, longitude, latitude};
    box->west = std::min(box->west, longitude);
    box->east = std::max(box->east, longitude);
    box->south = std::min(box->south, latitude);
    box->north = std::max(box->north, latitude);
  }
  return box;
}

std::vector<Box> BoxesOf(double west, double south, double east, double north) {
  std::vector<Box> boxes;
  if (west <= east) {
    boxes.push_back({west, south, east, north});
    if (west == -kHalfTurn && east < kHalfTurn) boxes.push_back({kHalfTurn, south, kHalfTurn, north});
    if (east == kHalfTurn && west > -kHalfTurn) boxes.push_back({-kHalfTurn, south, -kHalfTurn, north});
    return boxes;
  }
  boxes.push_back({west, south, kHalfTurn, north});
  boxes.push_back({-kHalfTurn, south, east, north});
  return boxes;
}

std::vector<Box> BoxesAround(double longitude, double latitude, double metres) {
  constexpr double kShortestDegree = 110'574; // of a meridian, at the equator
  constexpr double kMargin = 1.01;
  const double height = metres / kShortestDegree * kMargin;
  const double south = std::max(-kQuarterTurn, latitude - height);
  const double north = std::min(kQuarterTurn, latitude + height);
  // Around a pole there are all longitudes.
  const double ratio = height >= kQuarterTurn ? 1 : std::sin(Radians(height)) / std::cos(Radians(latitude));
  if (north >= kQuarterTurn || south <= -kQuarterTurn || ratio >= 1) return {{-kHalfTurn, south, kHalfTurn, north}};
  const double width = std::asin(ratio) / kPi * kHalfTurn * kMargin;
  if (width >= kHalfTurn) return {{-kHalfTurn, south, kHalfTurn, north}};
  double west = longitude - width;
  double east = longitude + width;
  if (west < -kHalfTurn) west += kTurn;
  if (east > kHalfTurn) east -= kTurn;
  return BoxesOf(west, south, east, north);
}

double Distance(double longitude_a, double latitude_a, double longitude_b, double latitude_b) {
  // T. Vincenty, Direct and Inverse Solutions of Geodesics on the Ellipsoid, Survey Review XXIII, 1975.
  constexpr double kEquatorRadius = 6'378'137;
  constexpr double kFlattening = 1 / 298.257223563;
  constexpr double kPoleRadius = kEquatorRadius * (1 - kFlattening);
  constexpr int kMostRounds = 100;
  constexpr double kEnough = 1e-12;
  const double difference = Radians(longitude_b - longitude_a);
  const double reduced_a = std::atan((1 - kFlattening) * std::tan(Radians(latitude_a)));
  const double reduced_b = std::atan((1 - kFlattening) * std::tan(Radians(latitude_b)));
  const double sin_a = std::sin(reduced_a);
  const double cos_a = std::cos(reduced_a);
  const double sin_b = std::sin(reduced_b);
  const double cos_b = std::cos(reduced_b);
  double lambda = difference;
  for (int round = 0; round < kMostRounds; ++round) {
    const double sin_lambda = std::sin(lambda);
    const double cos_lambda = std::cos(lambda);
    const double part = cos_a * sin_b - sin_a * cos_b * cos_lambda;
    const double sin_sigma = std::hypot(cos_b * sin_lambda, part);
    if (sin_sigma == 0) return 0; // the same point
    const double cos_sigma = sin_a * sin_b + cos_a * cos_b * cos_lambda;
    const double sigma = std::atan2(sin_sigma, cos_sigma);
    const double sin_alpha = cos_a * cos_b * sin_lambda / sin_sigma;
    const double square_cos_alpha = 1 - sin_alpha * sin_alpha;
    const double cos_middle = square_cos_alpha == 0 ? 0 : cos_sigma - 2 * sin_a * sin_b / square_cos_alpha;
    const double c = kFlattening / 16 * square_cos_alpha * (4 + kFlattening * (4 - 3 * square_cos_alpha));
    const double before = lambda;
    lambda =
        difference + (1 - c) * kFlattening * sin_alpha *
                         (sigma + c * sin_sigma * (cos_middle + c * cos_sigma * (-1 + 2 * cos_middle * cos_middle)));
    if (std::abs(lambda) > kPi && std::abs(difference) <= kPi) break; // nearly opposite
    if (std::abs(lambda - before) > kEnough) continue;
    const double square_u =
        square_cos_alpha * (kEquatorRadius * kEquatorRadius - kPoleRadius * kPoleRadius) / (kPoleRadius * kPoleRadius);
    const double factor_a = 1 + square_u / 16384 * (4096 + square_u * (-768 + square_u * (320 - 175 * square_u)));
    const double factor_b = square_u / 1024 * (256 + square_u * (-128 + square_u * (74 - 47 * square_u)));
    const double correction = factor_b * sin_sigma *
                              (cos_middle + factor_b / 4 *
                                                (cos_sigma * (-1 + 2 * cos_middle * cos_middle) -
                                                 factor_b / 6 * cos_middle * (-3 + 4 * sin_sigma * sin_sigma) *
                                                     (-3 + 4 * cos_middle * cos_middle)));
    return kPoleRadius * factor_a * (sigma - correction);
  }
  return SphereDistance(longitude_a, latitude_a, longitude_b, latitude_b);
}

double DistanceToBox(double longitude, double latitude, const Box &box) {
  // The box as it is, and a turn to either side: one of them is the nearest.
  const double nearest_latitude = std::clamp(latitude, box.south, box.north);
  double least = -1;
  for (const double turn : {-kTurn, 0.0, kTurn}) {
    const double nearest_longitude = std::clamp(longitude + turn, box.west, box.east) - turn;
    double apart = std::fmod(nearest_longitude - longitude, kTurn);
    if (apart > kHalfTurn) apart -= kTurn;
    if (apart < -kHalfTurn) apart += kTurn;
    const double metres = Distance(longitude, latitude, longitude + apart, nearest_latitude);
    if (least < 0 || metres < least) least = metres;
  }
  return least;
}

} // namespace itemize::sidecar::matching
