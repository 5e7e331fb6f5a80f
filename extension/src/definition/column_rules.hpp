// Which columns may be fields of an item, and which may be its key.
#pragma once

#include "definition/problem.hpp"

namespace itemize {

/// Limits of a definition, stated in docs/reference.
inline constexpr int kMaxFields = 200;

/// A field has a type that the serializer can turn into JSON in a decoding session, from the WAL alone.
/// Geometry must be known to be SRID 4326, which is what GeoJSON is (RFC 7946, section 4).
Problem FindFieldProblem(Relation table, AttrNumber column);

/// A key column is NOT NULL and has a type of which equal values have equal texts: a key is compared as
/// text everywhere outside of the database.
Problem FindKeyColumnProblem(Relation table, AttrNumber column);

/// PostGIS's types, by the extension that they belong to and not by a name that anybody can give.
enum class PostgisType : uint8 { kNone, kGeometry, kGeography, kRaster };
PostgisType PostgisTypeOf(Oid type);

inline constexpr int32 kGeoJsonSrid = 4326;

/// The SRID in a type modifier of PostGIS's; 0 is unknown.
int32 SridOf(int32 typmod);

/// Whether values of `type` hold values of `part`: as itself, a domain, an array, a range or a composite of it.
bool TypeContains(Oid type, Oid part);

} // namespace itemize
