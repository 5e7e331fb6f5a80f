// Places of a question: read from geometries of any kind, checked, and made into conditions on an item's location.
//
// Distances are those on the sphere, in metres, wherever one is compared, ordered by or returned, so that they agree.
#pragma once

#include <string>
#include <vector>

#include "search/postgis.hpp"
#include "search/question.hpp"
#include "search/statement.hpp"

#include "boundary/prelude.hpp"

namespace itemize {

/// A geometry as a geography: of SRID 4326, or of none, which is taken for that, or of one that can be transformed.
/// Raises 22023, naming the argument, where it is empty, of a kind that has no geography, or not on the earth.
Datum ReadPlace(Datum geometry, Oid geometry_type, const char *argument);

/// The same for a polygon or several.
Datum ReadArea(Datum geometry, Oid geometry_type, const char *argument);

/// Of `{west,south,east,north}`.
BoundingBox ReadBoundingBox(ArrayType *numbers);

/// The PostGIS that an item's location is of. Only with a location.
PostGis PostGisOfLocation(const SearchDefinition &definition);

/// An item's location as an expression of exactly PostGIS's geometry: what is called with a domain over it may be
/// another's function.
std::string LocationAsGeometry(const SearchDefinition &definition, const PostGis &postgis);

void AppendPlaceConditions(Statement &statement, const Question &question, const SearchDefinition &definition,
                           std::vector<std::string> &conditions);

/// Metres between an item and the question's `near`, with the operator that the GiST index orders by.
std::string DistanceExpression(Statement &statement, const Question &question, const SearchDefinition &definition);

} // namespace itemize
