// PostGIS's geometry and geography as GeoJSON (RFC 7946), read from their on-disk form.
//
// No PostGIS function is called: some of them query spatial_ref_sys, which kills a walsender. Plain
// C++, unit-tested without a server. Source of the form: GSERIALIZED, versions 1 and 2, as described in
// PostGIS's libpgcommon and liblwgeom (gserialized1, gserialized2); it cannot change under a database.
#pragma once

#include <cstddef>
#include <string_view>

namespace itemize::json {

/// Bytes that WriteGeoJson needs at most for a value given without its varlena header. 0 when GeoJSON
/// cannot express the value: curves, surfaces of triangles, a coordinate that is no finite number,
/// nesting deeper than 32, or bytes that are no geometry.
std::size_t MaxGeoJsonBytes(std::string_view geometry);

/// Writes compact GeoJSON at `out`: coordinates as the shortest decimals that read back the same, Z
/// where there is one, M left out, rings by the right-hand rule (section 3.1.6). Only for a value for
/// which MaxGeoJsonBytes was not 0. Returns the new end.
char *WriteGeoJson(char *out, std::string_view geometry);

} // namespace itemize::json
