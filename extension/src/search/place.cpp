#include "search/place.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "boundary/entry.hpp"
#include "search/bounding_box.hpp"
#include "search/postgis.hpp"

#include "boundary/prelude.hpp"

namespace itemize {

namespace {

constexpr int32 kSrid = 4326;

/// What contains a geometry, in the units of its SRID.
struct Extent {
  double west;
  double south;
  double east;
  double north;
};

/// A geometry, looked at by PostGIS.
struct Shape {
  Datum geometry; ///< two-dimensional, of SRID 4326
  int32 given_srid;
  bool is_empty;
  int32 vertices;
  Extent extent; ///< degrees
};

Extent ExtentOf(const PostGis &postgis, Datum geometry) {
  Datum const box = CallPostGis(postgis, "box3d", postgis.geometry, geometry);
  const auto side = [&](const char *name) { return DatumGetFloat8(CallPostGis(postgis, name, postgis.box3d, box)); };
  return {side("st_xmin"), side("st_ymin"), side("st_xmax"), side("st_ymax")};
}

/// Whether two extents differ by no more than what transformations are off. Not where a side is no number.
bool AreNearlyEqual(const Extent &left, const Extent &right) {
  constexpr double kPrecision = 1e-6;
  const double size =
      std::max({1.0, std::fabs(left.west), std::fabs(left.south), std::fabs(left.east), std::fabs(left.north)});
  const auto agree = [&](double one, double other) { return std::fabs(one - other) <= kPrecision * size; };
  return agree(left.west, right.west) && agree(left.south, right.south) && agree(left.east, right.east) &&
         agree(left.north, right.north);
}

/// Whether an ordinate is no finite number. Boxes leave such vertices out, texts do not.
bool HasOddOrdinates(const PostGis &postgis, Datum geometry) {
  const char *const wkt = TextDatumGetCString(CallPostGis(postgis, "st_astext", postgis.geometry, geometry));
  return strcasestr(wkt, "nan") != nullptr || strcasestr(wkt, "inf") != nullptr;
}

Shape InspectShape(const PostGis &postgis, Datum geometry) {
  const auto call = [&](const char *name, Datum argument) {
    return CallPostGis(postgis, name, postgis.geometry, argument);
  };
  Shape shape = {};
  shape.given_srid = DatumGetInt32(call("st_srid", geometry));
  shape.is_empty = DatumGetBool(call("st_isempty", geometry));
  if (shape.is_empty) return shape;
  shape.vertices = DatumGetInt32(call("st_npoints", geometry));
  if (shape.vertices > kMaxPlaceVertices) return shape;
  shape.geometry = call("st_force2d", geometry);
  if (HasOddOrdinates(postgis, shape.geometry)) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("an ordinate is no finite number")));
  }
  const auto into = [&](const char *name, Datum from, int32 srid) {
    return CallPostGis(postgis, name, postgis.geometry, from, INT4OID, Int32GetDatum(srid));
  };
  if (shape.given_srid == 0) {
    shape.geometry = into("st_setsrid", shape.geometry, kSrid);
  } else if (shape.given_srid != kSrid) {
    Datum const given = shape.geometry;
    shape.geometry = into("st_transform", given, kSrid);
    // What is not within the coordinates of its SRID may be wrapped around the earth, or clamped to its edge.
    Datum const back = into("st_transform", shape.geometry, shape.given_srid);
    if (!AreNearlyEqual(ExtentOf(postgis, given), ExtentOf(postgis, back))) {
      ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                      errmsg("its coordinates are not among those of SRID %d", shape.given_srid)));
    }
  }
  shape.extent = ExtentOf(postgis, shape.geometry);
  return shape;
}

/// Whether an error is about what somebody passed; PostGIS reports most of that as internal errors.
bool IsAboutInput(const ErrorData &error) {
  return ERRCODE_TO_CATEGORY(error.sqlerrcode) == ERRCODE_INTERNAL_ERROR ||
         ERRCODE_TO_CATEGORY(error.sqlerrcode) == ERRCODE_DATA_EXCEPTION;
}

/// Calls PostGIS about what somebody passed; what it says against that becomes an error about the argument.
template <typename Body>
auto AboutArgument(const char *argument, Body &&body) {
  try {
    return CallPg(body);
  } catch (const PgError &error) {
    if (!IsAboutInput(*error.data())) throw;
    throw Error(ERRCODE_INVALID_PARAMETER_VALUE, std::string(argument) + " is no place on the earth")
        .Detail(error.data()->message != nullptr ? error.data()->message : "")
        .Hint("Pass a geometry in degrees, as ST_Point(longitude, latitude), or one with the SRID of its coordinates.");
  }
}

Shape ReadShape(const PostGis &postgis, Datum geometry, const char *argument) {
  const Shape shape = AboutArgument(argument, [&] { return InspectShape(postgis, geometry); });
  if (shape.is_empty) {
    throw Error(ERRCODE_INVALID_PARAMETER_VALUE, std::string(argument) + " is an empty geometry")
        .Hint("Leave the argument out to search everywhere.");
  }
  if (shape.vertices > kMaxPlaceVertices) {
    throw Error(ERRCODE_PROGRAM_LIMIT_EXCEEDED,
                std::string(argument) + " has too many vertices: " + std::to_string(shape.vertices))
        .Hint("At most " + std::to_string(kMaxPlaceVertices) + " are allowed; ST_Simplify makes fewer.");
  }
  // Written so that NaN does not pass.
  const Extent &extent = shape.extent;
  const bool on_earth = extent.west >= -180 && extent.east <= 180 && extent.south >= -90 && extent.north <= 90;
  if (!on_earth) {
    throw Error(ERRCODE_INVALID_PARAMETER_VALUE, std::string(argument) + " is not on the earth")
        .Detail("Longitudes are from -180 to 180 and latitudes from -90 to 90.")
        .Hint("Mind the order: ST_Point(longitude, latitude).");
  }
  return shape;
}

Datum MakeGeography(const PostGis &postgis, Datum geometry, const char *argument) {
  return AboutArgument(argument, [&] { return CallPostGis(postgis, "geography", postgis.geometry, geometry); });
}

Datum GeographyOfText(const PostGis &postgis, const std::string &text) {
  return CallPg([&] {
    Oid input;
    Oid parameter;
    getTypeInputInfo(postgis.geography, &input, &parameter);
    return OidInputFunctionCall(input, const_cast<char *>(text.c_str()), parameter, -1);
  });
}

/// Whether the column's type says that there is nothing but points: the bits of PostGIS's type modifier.
bool HoldsPointsOnly(const SearchDefinition &definition) {
  constexpr int kTypeBits = 0xFC;
  constexpr int kPoint = 1;
  Oid type = InvalidOid;
  int32 modifier = -1;
  Oid collation = InvalidOid;
  get_atttypetypmodcoll(definition.item.source, definition.location->attnum, &type, &modifier, &collation);
  return modifier >= 0 && (modifier & kTypeBits) >> 2 == kPoint;
}

/// The location as an expression of exactly geography: what is called with a domain may be another's function.
std::string LocationAsGeography(const SearchDefinition &definition, const PostGis &postgis) {
  const std::string location = CallPg([&] { return LocationExpression(definition, kRowAlias); });
  const bool is_plain = CallPg([&] {
    return !definition.location_is_geography ||
           get_atttype(definition.item.source, definition.location->attnum) == postgis.geography;
  });
  return is_plain ? location : "(" + location + ")::" + PostGisName(postgis, "geography");
}

/// Exact, for a row that has a location: of a point its own numbers, of anything else the shape on the sphere.
std::string BoxCondition(Statement &statement, const BoundingBox &box, const SearchDefinition &definition,
                         const PostGis &postgis, const std::string &location) {
  const std::string shape = LocationAsGeometry(definition, postgis);
  const std::string x = PostGisName(postgis, "st_x") + "(" + shape + ")";
  const std::string y = PostGisName(postgis, "st_y") + "(" + shape + ")";
  const std::string west = x + " >= " + statement.BindDouble(box.west);
  const std::string east = x + " <= " + statement.BindDouble(box.east);
  std::string within = box.west > box.east ? west + " OR " + east : west + " AND " + east;
  if (box.west <= box.east && TouchesAntimeridian(box)) within += " OR abs(" + x + ") = 180";
  within = "(" + within + ")";
  within +=
      " AND " + y + " >= " + statement.BindDouble(box.south) + " AND " + y + " <= " + statement.BindDouble(box.north);
  if (CallPg([&] { return HoldsPointsOnly(definition); })) return "(" + within + ")";
  const std::string region = statement.Bind(postgis.geography, GeographyOfText(postgis, RegionText(box)));
  return "CASE WHEN " + PostGisName(postgis, "st_geometrytype") + "(" + shape + ") = 'ST_Point' THEN " + within +
         " ELSE " + PostGisName(postgis, "st_intersects") + "(" + location + ", " + region + ") END";
}

} // namespace

PostGis PostGisOfLocation(const SearchDefinition &definition) {
  const Oid type =
      CallPg([&] { return getBaseType(get_atttype(definition.item.source, definition.location->attnum)); });
  return FindPostGis(type);
}

std::string LocationAsGeometry(const SearchDefinition &definition, const PostGis &postgis) {
  const std::string column = ColumnText(NameStr(definition.location->name));
  const bool is_plain =
      CallPg([&] { return get_atttype(definition.item.source, definition.location->attnum) == postgis.geometry; });
  return is_plain ? column : "(" + column + ")::" + PostGisName(postgis, "geometry");
}

Datum ReadPlace(Datum geometry, Oid geometry_type, const char *argument) {
  const PostGis postgis = FindPostGis(geometry_type);
  return MakeGeography(postgis, ReadShape(postgis, geometry, argument).geometry, argument);
}

Datum ReadArea(Datum geometry, Oid geometry_type, const char *argument) {
  const PostGis postgis = FindPostGis(geometry_type);
  const std::string kind =
      CallPg([&] { return TextDatumGetCString(CallPostGis(postgis, "st_geometrytype", postgis.geometry, geometry)); });
  if (kind != "ST_Polygon" && kind != "ST_MultiPolygon") {
    throw Error(ERRCODE_INVALID_PARAMETER_VALUE, std::string(argument) + " is no polygon but " + kind)
        .Hint("Pass a polygon; for what is around a point or a line use near and within.");
  }
  const Shape shape = ReadShape(postgis, geometry, argument);
  constexpr double kHalf = 180;
  if (shape.extent.east - shape.extent.west >= kHalf) {
    throw Error(ERRCODE_INVALID_PARAMETER_VALUE, std::string(argument) + " is wider than half the earth")
        .Detail("On a sphere such a polygon has no inside that everybody agrees on.")
        .Hint("Use bbox, or cut it in parts and pass them as a MULTIPOLYGON on one side of the antimeridian each.");
  }
  const std::string reason = AboutArgument(argument, [&] {
    return TextDatumGetCString(CallPostGis(postgis, "st_isvalidreason", postgis.geometry, shape.geometry));
  });
  if (reason != "Valid Geometry") {
    throw Error(ERRCODE_INVALID_PARAMETER_VALUE, std::string(argument) + " is no valid polygon")
        .Detail(reason)
        .Hint("ST_MakeValid may repair it.");
  }
  return MakeGeography(postgis, shape.geometry, argument);
}

BoundingBox ReadBoundingBox(ArrayType *numbers) {
  constexpr int kSides = 4;
  struct Sides {
    bool complete;
    double values[kSides];
  };
  const Sides sides = CallPg([&] {
    Sides read = {};
    if (ARR_NDIM(numbers) != 1 || ArrayGetNItems(ARR_NDIM(numbers), ARR_DIMS(numbers)) != kSides ||
        array_contains_nulls(numbers)) {
      return read;
    }
    Datum *elements = nullptr;
    bool *nulls = nullptr;
    int count = 0;
    deconstruct_array(numbers, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &elements, &nulls, &count);
    for (int i = 0; i < kSides; ++i)
      read.values[i] = DatumGetFloat8(elements[i]);
    read.complete = true;
    return read;
  });
  constexpr char kHint[] = "Pass ARRAY[west, south, east, north] in degrees; west > east goes over the antimeridian.";
  if (!sides.complete) {
    throw Error(ERRCODE_INVALID_PARAMETER_VALUE, "bbox must have four numbers").Hint(kHint);
  }
  const BoundingBox box{sides.values[0], sides.values[1], sides.values[2], sides.values[3]};
  const char *const problem = FindBoxProblem(box);
  if (problem != nullptr) {
    throw Error(ERRCODE_INVALID_PARAMETER_VALUE, std::string("bbox is no box: ") + problem).Hint(kHint);
  }
  return box;
}

void AppendPlaceConditions(Statement &statement, const Question &question, const SearchDefinition &definition,
                           std::vector<std::string> &conditions) {
  if (!question.within && !question.bbox && !question.area) return;
  const PostGis postgis = PostGisOfLocation(definition);
  const std::string location = LocationAsGeography(definition, postgis);
  if (question.within) {
    conditions.push_back(PostGisName(postgis, "st_dwithin") + "(" + location + ", " +
                         statement.Bind(postgis.geography, *question.near) + ", " +
                         statement.BindDouble(*question.within) + ", false)");
  }
  if (question.area) {
    conditions.push_back(PostGisName(postgis, "st_intersects") + "(" + location + ", " +
                         statement.Bind(postgis.geography, *question.area) + ")");
  }
  if (question.bbox) {
    const BoundingBox &box = *question.bbox;
    conditions.push_back(location + " " + PostGisOperator(postgis, "&&") + " " +
                         statement.Bind(postgis.geography, GeographyOfText(postgis, ExtremePointsText(box))));
    conditions.push_back(BoxCondition(statement, box, definition, postgis, location));
  }
}

std::string DistanceExpression(Statement &statement, const Question &question, const SearchDefinition &definition) {
  const PostGis postgis = PostGisOfLocation(definition);
  const std::string location = LocationAsGeography(definition, postgis);
  return "(" + location + " " + PostGisOperator(postgis, "<->") + " " +
         statement.Bind(postgis.geography, *question.near) + ")";
}

} // namespace itemize
