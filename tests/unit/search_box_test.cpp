// Boxes of longitudes and latitudes.
#include "search/bounding_box.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace itemize {
namespace {

constexpr double kDegree = 3.14159265358979323846 / 180;

struct Vector {
  double axes[3];
};

Vector OnSphere(double longitude, double latitude) {
  const double radius = std::cos(latitude * kDegree);
  return {
      {radius * std::cos(longitude * kDegree), radius * std::sin(longitude * kDegree), std::sin(latitude * kDegree)}};
}

std::vector<Vector> PointsOf(const std::string &text) {
  std::vector<Vector> points;
  const char *at = text.c_str() + text.find('(') + 1;
  double longitude = 0;
  double latitude = 0;
  int length = 0;
  while (std::sscanf(at, "%lf %lf%n", &longitude, &latitude, &length) == 2) {
    EXPECT_LE(std::abs(longitude), 180);
    points.push_back(OnSphere(longitude, latitude));
    at += length + 1;
  }
  return points;
}

TEST(BoundingBox, ExtremePointsSpanTheWholeBoxInSpace) {
  std::mt19937_64 random(4711);
  std::uniform_real_distribution<double> part(0, 1);
  for (int i = 0; i < 2000; ++i) {
    BoundingBox box{part(random) * 360 - 180, part(random) * 180 - 90, part(random) * 360 - 180,
                    part(random) * 180 - 90};
    if (box.south > box.north) std::swap(box.south, box.north);
    const std::vector<Vector> extremes = PointsOf(ExtremePointsText(box));
    ASSERT_EQ(extremes.size(), TouchesAntimeridian(box) ? 8U : 6U);
    const double width = box.west > box.east ? box.east + 360 - box.west : box.east - box.west;
    for (int k = 0; k < 50; ++k) {
      const Vector point =
          OnSphere(box.west + width * part(random), box.south + (box.north - box.south) * part(random));
      for (int axis = 0; axis < 3; ++axis) {
        const auto [least, greatest] =
            std::minmax_element(extremes.begin(), extremes.end(), [axis](const Vector &left, const Vector &right) {
              return left.axes[axis] < right.axes[axis];
            });
        EXPECT_GE(point.axes[axis], least->axes[axis] - 1e-12);
        EXPECT_LE(point.axes[axis], greatest->axes[axis] + 1e-12);
      }
    }
  }
}

TEST(BoundingBox, HasTheAntimeridianByBothNames) {
  for (const BoundingBox &box : {BoundingBox{-180, -1, -170, 2}, BoundingBox{170, -1, 180, 2},
                                 BoundingBox{-180, 1, -180, 2}, BoundingBox{180, 1, -180, 2}}) {
    EXPECT_TRUE(TouchesAntimeridian(box));
    const std::vector<Vector> extremes = PointsOf(ExtremePointsText(box));
    for (const double longitude : {-180, 180}) {
      const double y = OnSphere(longitude, std::max(box.south, 0.0)).axes[1];
      EXPECT_TRUE(
          std::any_of(extremes.begin(), extremes.end(), [y](const Vector &point) { return point.axes[1] <= y; }));
      EXPECT_TRUE(
          std::any_of(extremes.begin(), extremes.end(), [y](const Vector &point) { return point.axes[1] >= y; }));
    }
  }
  EXPECT_FALSE(TouchesAntimeridian(BoundingBox{-179, -1, 179, 2}));
}

TEST(BoundingBox, RegionsAreClosedRingsOfPartsLessThanHalfTheEarthWide) {
  EXPECT_EQ(RegionText({0, 0, 1, 1}), "MULTIPOLYGON(((0 0,1 0,1 1,0 1,0 0)))");
  EXPECT_EQ(RegionText({179.5, 0, -179.5, 1}), "MULTIPOLYGON(((179.5 0,-179.5 0,-179.5 1,179.5 1,179.5 0)))");
  EXPECT_EQ(RegionText({0, -90, 1, 90}), "MULTIPOLYGON(((0 -90,1 0,0 90,0 0,0 -90)))");
  const std::string world = RegionText({-180, -90, 180, 90});
  EXPECT_EQ(std::count(world.begin(), world.end(), '('), 1 + 4 * 2);
}

TEST(BoundingBox, APoleIsOnePoint) {
  EXPECT_EQ(RegionText({10, 89, 11, 90}), "MULTIPOLYGON(((10 89,11 89,0 90,10 89)))");
  EXPECT_EQ(RegionText({10, 90, 11, 90}), "MULTIPOLYGON(((0 90,0 90,0 90,0 90,0 90)))");
  EXPECT_EQ(RegionText({10, -90, 11, -89}), "MULTIPOLYGON(((0 -90,11 -89,10 -89,0 -90)))");
}

TEST(BoundingBox, SaysWhatIsWrong) {
  EXPECT_EQ(FindBoxProblem({-180, -90, 180, 90}), nullptr);
  EXPECT_EQ(FindBoxProblem({170, 0, -170, 1}), nullptr);
  EXPECT_NE(FindBoxProblem({0, 2, 1, 1}), nullptr);
  EXPECT_NE(FindBoxProblem({0, 0, 181, 1}), nullptr);
  EXPECT_NE(FindBoxProblem({0, -91, 1, 1}), nullptr);
  EXPECT_NE(FindBoxProblem({std::nan(""), 0, 1, 1}), nullptr);
  EXPECT_NE(FindBoxProblem({0, 0, INFINITY, 1}), nullptr);
}

} // namespace
} // namespace itemize
