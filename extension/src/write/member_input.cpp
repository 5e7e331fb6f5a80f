#include "write/member_input.hpp"

#include <cstring>

#include "serializer/value_encoder.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"
}

namespace itemize {

namespace {

extern "C" void DescribeMember(void *argument) noexcept {
  const auto *const context = static_cast<const MemberContext *>(argument);
  (void)err_generic_string(PG_DIAG_COLUMN_NAME, context->name);
  errcontext("%s \"%s\" of %s \"%s\"", context->what, context->name, context->owner_kind, context->owner);
}

Datum Input(Oid type, int32 type_modifier, const char *text) {
  Oid function;
  Oid parameter;
  getTypeInputInfo(type, &function, &parameter);
  // A domain is asked for null as well: it may refuse it.
  return OidInputFunctionCall(function, const_cast<char *>(text), parameter, type_modifier);
}

char *Output(Oid type, Datum value) {
  Oid function;
  bool is_variable;
  getTypeOutputInfo(type, &function, &is_variable);
  return OidOutputFunctionCall(function, value);
}

const char *JsonText(JsonbValue &value) {
  Jsonb *const stored = JsonbValueToJsonb(&value);
  return JsonbToCString(nullptr, &stored->root, static_cast<int>(VARSIZE(stored)));
}

/// A string's characters, else the JSON.
const char *ScalarText(JsonbValue &value) {
  if (value.type != jbvString) return JsonText(value);
  return pnstrdup(value.val.string.val, static_cast<Size>(value.val.string.len));
}

/// Binary strings are base64 in items.
const char *ByteaText(const char *base64) {
  const Datum bytes =
      DirectFunctionCall2(binary_decode, CStringGetTextDatum(base64), PointerGetDatum(cstring_to_text("base64")));
  return Output(BYTEAOID, bytes);
}

/// GeoJSON is what the input function of geometry reads; that of geography reads what geometry writes.
const char *GeometryText(Oid type, const char *geojson) {
  HeapTuple const tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
  if (!HeapTupleIsValid(tuple)) elog(ERROR, "cache lookup failed for type %u", type);
  const Oid schema = reinterpret_cast<Form_pg_type>(GETSTRUCT(tuple))->typnamespace;
  ReleaseSysCache(tuple);
  const Oid geometry =
      GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("geometry"), ObjectIdGetDatum(schema));
  if (!OidIsValid(geometry)) elog(ERROR, "type geometry of PostGIS is not there");
  return Output(geometry, Input(geometry, -1, geojson));
}

/// Arrays and rows, as the server makes them of JSON.
Datum Populate(const WriteColumn &column, JsonbValue &value, bool &is_null) {
  JsonbParseState *state = nullptr;
  JsonbValue name;
  name.type = jbvString;
  // Under the field's own name: it stands in hints.
  name.val.string.val = const_cast<char *>(column.name);
  name.val.string.len = static_cast<int>(std::strlen(column.name));
  (void)pushJsonbValue(&state, WJB_BEGIN_OBJECT, nullptr);
  (void)pushJsonbValue(&state, WJB_KEY, &name);
  (void)pushJsonbValue(&state, WJB_VALUE, &value);
  Oid types[] = {JSONBOID};
  Datum values[] = {PointerGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, nullptr)))};
  const char *const field = quote_identifier(column.name);
  const char *const type =
      format_type_extended(column.type, column.type_modifier, FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY);
  const char *const query = psprintf("SELECT r.%s FROM pg_catalog.jsonb_to_record($1) AS r(%s %s)", field, field, type);
  const int result = SPI_execute_with_args(query, 1, types, values, nullptr, true, 1);
  if (result != SPI_OK_SELECT) elog(ERROR, "could not read a value: %s", SPI_result_code_string(result));
  return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null);
}

[[noreturn]] void RefuseContainer(const WriteColumn &column, const JsonbValue &value) {
  ereport(ERROR,
          (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
           errmsg("a JSON %s is no value of type %s", JsonContainerIsObject(value.val.binary.data) ? "object" : "array",
                  format_type_with_typemod(column.type, column.type_modifier)),
           errhint("Write the value as it stands in the items of this type.")));
  pg_unreachable();
}

} // namespace

void BeginMember(MemberErrors &errors, const MemberContext &context) {
  errors.context = context;
  errors.callback.callback = DescribeMember;
  errors.callback.arg = &errors.context;
  errors.callback.previous = error_context_stack;
  error_context_stack = &errors.callback;
}

void EndMember(const MemberErrors &errors) { error_context_stack = errors.callback.previous; }

Datum ConvertMember(const WriteColumn &column, JsonbValue &value, bool &is_null) {
  is_null = value.type == jbvNull;
  ValueEncoder encoder;
  MakeValueEncoder(column.type, encoder);
  const bool is_domain = encoder.type != column.type;
  if (is_null) return is_domain ? Input(column.type, column.type_modifier, nullptr) : Datum{0};
  const bool is_container = value.type == jbvBinary;
  const char *text = nullptr;
  switch (encoder.kind) {
  case ValueKind::kJson:
  case ValueKind::kJsonb: text = JsonText(value); break;
  case ValueKind::kGeometry:
    text = is_container ? GeometryText(encoder.type, JsonText(value)) : ScalarText(value);
    break;
  case ValueKind::kArray:
  case ValueKind::kComposite:
    if (is_container) return Populate(column, value, is_null);
    text = ScalarText(value);
    break;
  default:
    if (is_container) RefuseContainer(column, value);
    text = encoder.kind == ValueKind::kBytea ? ByteaText(ScalarText(value)) : ScalarText(value);
    break;
  }
  return Input(column.type, column.type_modifier, text);
}

} // namespace itemize
