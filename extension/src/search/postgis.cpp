#include "search/postgis.hpp"

#include <cstring>

#include "boundary/entry.hpp"
#include "search/statement.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "parser/parse_func.h"
#include "utils/inval.h"
}

namespace itemize {

namespace {

Oid TypeIn(Oid schema, const char *name) {
  const Oid type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum(name), ObjectIdGetDatum(schema));
  if (!OidIsValid(type)) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("type %s of PostGIS is not there", name),
                    errhint("Install the extension postgis whole.")));
  }
  return type;
}

/// A function that was found before. A place is looked at by a dozen of them, and finding one costs more than most do.
struct KnownFunction {
  Oid schema;
  const char *name; ///< a literal of the caller's
  Oid types[2];
  Oid function;
};
constexpr int kKnownFunctions = 32;
KnownFunction known_functions[kKnownFunctions];
int known_count = 0;
bool is_listening = false;

extern "C" void ForgetFunctions(Datum /*argument*/, int /*cache*/, uint32 /*hash*/) noexcept { known_count = 0; }

Oid FunctionIn(const PostGis &postgis, const char *name, int count, const Oid *types) {
  const Oid second = count > 1 ? types[1] : InvalidOid;
  for (int i = 0; i < known_count; ++i) {
    const KnownFunction &known = known_functions[i];
    if (known.schema == postgis.schema && known.types[0] == types[0] && known.types[1] == second &&
        std::strcmp(known.name, name) == 0) {
      return known.function;
    }
  }
  if (!is_listening) {
    CacheRegisterSyscacheCallback(PROCOID, ForgetFunctions, Datum{0});
    is_listening = true;
  }
  List *const path = list_make2(makeString(get_namespace_name(postgis.schema)), makeString(const_cast<char *>(name)));
  const Oid function = LookupFuncName(path, count, types, false);
  if (known_count < kKnownFunctions)
    known_functions[known_count++] = {postgis.schema, name, {types[0], second}, function};
  return function;
}

} // namespace

PostGis FindPostGis(Oid type) {
  return CallPg([&]() -> PostGis {
    HeapTuple const tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
    if (!HeapTupleIsValid(tuple)) elog(ERROR, "cache lookup failed for type %u", type);
    const Oid schema = reinterpret_cast<Form_pg_type>(GETSTRUCT(tuple))->typnamespace;
    ReleaseSysCache(tuple);
    return {schema, TypeIn(schema, "geometry"), TypeIn(schema, "geography"), TypeIn(schema, "box3d")};
  });
}

std::string PostGisName(const PostGis &postgis, const char *name) {
  return CallPg([&] { return quote_qualified_identifier(get_namespace_name(postgis.schema), name); });
}

std::string PostGisOperator(const PostGis &postgis, const char *name) {
  return CallPg(
      [&] { return psprintf("OPERATOR(%s.%s)", quote_identifier(get_namespace_name(postgis.schema)), name); });
}

Datum CallPostGis(const PostGis &postgis, const char *name, Oid type, Datum argument) {
  return OidFunctionCall1(FunctionIn(postgis, name, 1, &type), argument);
}

Datum CallPostGis(const PostGis &postgis, const char *name, Oid type, Datum argument, Oid second_type, Datum second) {
  const Oid types[] = {type, second_type};
  return OidFunctionCall2(FunctionIn(postgis, name, 2, types), argument, second);
}

} // namespace itemize
