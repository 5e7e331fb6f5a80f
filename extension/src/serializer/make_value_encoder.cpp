// Choosing the encoder of a type. The choices are those of jsonb_categorize_type in utils/adt/jsonb.c,
// but for bytea, PostGIS's types, and extension types with a cast to json, whose functions a decoding
// session could not be trusted to run.
#include <cstring>

#include "serializer/value_encoder.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "catalog/pg_proc.h"
}

namespace itemize {

namespace {

/// Whether a type is PostGIS's geometry or geography: by its name, and by ST_AsGeoJSON beside it.
bool IsPostgisGeometry(Form_pg_type type) {
  const char *const name = NameStr(type->typname);
  if (type->oid < FirstNormalObjectId) return false;
  if (std::strcmp(name, "geometry") != 0 && std::strcmp(name, "geography") != 0) return false;
  const Oid arguments[] = {type->oid, INT4OID, INT4OID};
  return SearchSysCacheExists3(PROCNAMEARGSNSP, CStringGetDatum("st_asgeojson"),
                               PointerGetDatum(buildoidvector(arguments, lengthof(arguments))),
                               ObjectIdGetDatum(type->typnamespace));
}

} // namespace

void MakeValueEncoder(Oid type, ValueEncoder &encoder) {
  std::memset(&encoder, 0, sizeof(encoder));
  encoder.type = getBaseType(type);
  get_typlenbyvalalign(encoder.type, &encoder.length, &encoder.by_value, &encoder.alignment);
  switch (encoder.type) {
  case BOOLOID: encoder.kind = ValueKind::kBool; return;
  case INT2OID: encoder.kind = ValueKind::kInt2; return;
  case INT4OID: encoder.kind = ValueKind::kInt4; return;
  case INT8OID: encoder.kind = ValueKind::kInt8; return;
  case FLOAT4OID: encoder.kind = ValueKind::kFloat4; return;
  case FLOAT8OID: encoder.kind = ValueKind::kFloat8; return;
  case NUMERICOID: encoder.kind = ValueKind::kNumeric; return;
  case TEXTOID:
  case VARCHAROID:
  case BPCHAROID: encoder.kind = ValueKind::kText; return;
  case BYTEAOID: encoder.kind = ValueKind::kBytea; return;
  case UUIDOID: encoder.kind = ValueKind::kUuid; return;
  case DATEOID: encoder.kind = ValueKind::kDate; return;
  case TIMESTAMPOID: encoder.kind = ValueKind::kTimestamp; return;
  case TIMESTAMPTZOID: encoder.kind = ValueKind::kTimestampTz; return;
  case JSONOID: encoder.kind = ValueKind::kJson; return;
  case JSONBOID: encoder.kind = ValueKind::kJsonb; return;
  default: break;
  }

  const Oid element = get_element_type(encoder.type);
  if (OidIsValid(element)) {
    encoder.kind = ValueKind::kArray;
    encoder.element = static_cast<ValueEncoder *>(palloc(sizeof(ValueEncoder)));
    MakeValueEncoder(element, *encoder.element);
    return;
  }
  if (type_is_rowtype(encoder.type)) {
    encoder.kind = ValueKind::kComposite;
    return;
  }

  HeapTuple const type_tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(encoder.type));
  if (!HeapTupleIsValid(type_tuple)) elog(ERROR, "cache lookup failed for type %u", encoder.type);
  auto *const form = reinterpret_cast<Form_pg_type>(GETSTRUCT(type_tuple));
  encoder.kind = IsPostgisGeometry(form) ? ValueKind::kGeometry : ValueKind::kOutputFunction;
  const Oid output = form->typoutput;
  ReleaseSysCache(type_tuple);
  fmgr_info_cxt(output, &encoder.output, CurrentMemoryContext);
}

} // namespace itemize
