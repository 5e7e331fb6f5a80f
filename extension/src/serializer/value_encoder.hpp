// How a value of one SQL type becomes JSON, and how it becomes key text.
//
// An encoder is made once per column and used for many rows. It is plain data in a memory context, and
// encoding holds nothing with a destructor: the server may raise at any time.
#pragma once

#include "boundary/prelude.hpp"

namespace itemize {

enum class ValueKind : uint8 {
  kBool,
  kInt2,
  kInt4,
  kInt8,
  kFloat4,
  kFloat8,
  kNumeric,
  kText,
  kBytea,
  kUuid,
  kDate,
  kTimestamp,
  kTimestampTz,
  kJson,
  kJsonb,
  kArray,
  kComposite,
  kGeometry,       ///< PostGIS's geometry and geography
  kOutputFunction, ///< any other type: its text form as a JSON string
};

struct ValueEncoder {
  ValueKind kind;
  Oid type;              ///< base type; a domain has been looked through
  int16 length;          ///< typlen
  bool by_value;         ///< typbyval
  char alignment;        ///< typalign
  FmgrInfo output;       ///< kOutputFunction, and kGeometry where GeoJSON cannot express a value
  ValueEncoder *element; ///< kArray
};

/// Makes the encoder of a type in the current memory context. Looks types up in the catalogs, so while
/// decoding under the historic snapshot.
void MakeValueEncoder(Oid type, ValueEncoder &encoder);

/// Appends the value as JSON; `value` is not null and may be toasted (but not in a TOAST table that is
/// out of reach: see IsAbsent). Temporary memory is taken from the current context.
void EncodeValue(const ValueEncoder &encoder, Datum value, StringInfo out);

/// Room that WriteValue takes for granted, in bytes.
constexpr Size kValueRoom = 160;

/// The same for many values in a row: writes at `at`, which lies in `out` with kValueRoom bytes reserved, and returns
/// the new end, again with `room` bytes (at least kValueRoom) behind it. out->len is not kept up meanwhile.
char *WriteValue(const ValueEncoder &encoder, Datum value, StringInfo out, char *at, Size room);

/// Appends the value in the form that a canonical key text has (itemize/key_text.hpp).
void EncodeKeyValue(const ValueEncoder &encoder, Datum value, StringInfo out);

/// Appends `text` as a JSON string.
void AppendJsonString(StringInfo out, const char *text, Size length);

/// Whether the value's text depends on the settings of output_settings.hpp: it comes, or parts of it may
/// come, from an output function.
inline bool DependsOnSettings(const ValueEncoder &encoder) {
  if (encoder.kind == ValueKind::kArray) return DependsOnSettings(*encoder.element);
  return encoder.kind == ValueKind::kOutputFunction || encoder.kind == ValueKind::kComposite;
}

/// Whether the value of a decoded tuple was left in the TOAST table, unchanged: it is not in the WAL.
inline bool IsAbsent(const ValueEncoder &encoder, Datum value) {
  return encoder.length == -1 && VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(value));
}

} // namespace itemize
