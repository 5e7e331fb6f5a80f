// The functions of PostGIS that search calls and writes into statements, wherever the extension is installed.
#pragma once

#include <string>

#include "boundary/prelude.hpp"

namespace itemize {

struct PostGis {
  Oid schema;
  Oid geometry;
  Oid geography;
  Oid box3d;
};

/// By one of its types: geometry or geography.
PostGis FindPostGis(Oid type);

/// `schema.name`, quoted where needed.
std::string PostGisName(const PostGis &postgis, const char *name);
/// `OPERATOR(schema.name)`
std::string PostGisOperator(const PostGis &postgis, const char *name);

// Calls of functions by name, to be made where no C++ object with a destructor is alive, or through CallPg. Arguments
// and result are those of the function; it must not return null. The name is a literal: it is kept.
Datum CallPostGis(const PostGis &postgis, const char *name, Oid type, Datum argument);
Datum CallPostGis(const PostGis &postgis, const char *name, Oid type, Datum argument, Oid second_type, Datum second);

} // namespace itemize
