// A box of longitudes and latitudes on the sphere. Plain C++, tested without a server.
#pragma once

#include <string>

namespace itemize {

/// Degrees; over the antimeridian when west > east.
struct BoundingBox {
  double west;
  double south;
  double east;
  double north;
};

/// Null when the box is one; else what is wrong with it, in words that complete "bbox: ...".
const char *FindBoxProblem(const BoundingBox &box);

/// Whether it has the meridian that is 180 degrees west and 180 degrees east.
bool TouchesAntimeridian(const BoundingBox &box);

/// `MULTIPOINT(...)`: points of the box at which x, y and z of the unit sphere are least and greatest there, so that
/// the points' box in space is that of the whole box. It is this box in space that the GiST index of a geography
/// compares.
std::string ExtremePointsText(const BoundingBox &box);

/// `MULTIPOLYGON(...)`: the box in parts less than half the earth wide; along the parallels there is a vertex at least
/// each degree, as edges of a geography are great circles.
std::string RegionText(const BoundingBox &box);

} // namespace itemize
