#include "serializer/former_values.hpp"

#include "itemize/change_event.hpp"
#include "serializer/buffer.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "access/detoast.h"
#include "mb/pg_wchar.h"
#include "utils/datum.h"
}

namespace itemize {

namespace {

/// Bytes of a geometry, or of a number, that is told: an event is about what a row is, not what it was.
constexpr Size kMostBytes = Size{1024} * 1024;

bool IsComparable(const ValueEncoder &value) {
  switch (value.kind) {
  case ValueKind::kBytea:
  case ValueKind::kJson:
  case ValueKind::kJsonb:
  case ValueKind::kArray:
  case ValueKind::kComposite: return false;
  case ValueKind::kOutputFunction: return value.length != -1; // enums among them, and no documents
  default: return true;
  }
}

bool IsUnchanged(const FieldEncoder &field, const RowValues &row, const RowValues &newer) {
  const int column = field.column;
  if (row.nulls[column] || newer.nulls[column]) return row.nulls[column] == newer.nulls[column];
  if (IsAbsent(field.value, newer.values[column])) return true;
  return datum_image_eq(row.values[column], newer.values[column], field.value.by_value, field.value.length);
}

/// The beginning of a long text, which was written into the log with its row.
void AppendCutText(Datum value, StringInfo out) {
  struct varlena *const start = PG_DETOAST_DATUM_SLICE(value, 0, static_cast<int32>(kFormerTextBytes));
  const char *const text = VARDATA_ANY(start);
  const int length = static_cast<int>(VARSIZE_ANY_EXHDR(start));
  AppendJsonString(out, text, static_cast<Size>(pg_mbcliplen(text, length, length)));
}

/// False when it is too long.
bool AppendValue(const ValueEncoder &encoder, Datum value, StringInfo out) {
  const Size bytes = encoder.length == -1 ? toast_raw_datum_size(value) - VARHDRSZ : 0;
  if (encoder.kind == ValueKind::kText && bytes > kFormerTextBytes) {
    AppendCutText(value, out);
    return true;
  }
  if (bytes > kMostBytes) return false;
  EncodeValue(encoder, value, out);
  return true;
}

} // namespace

bool EncodeFormer(const RowEncoder &encoder, const RowValues &row, const RowValues *newer, StringInfo out) {
  const int start = out->len;
  AppendByte(out, '{');
  for (int i = 0; i < encoder.field_count; ++i) {
    const FieldEncoder &field = encoder.fields[i];
    if (field.prefix == nullptr || !IsComparable(field.value)) continue; // the column is gone, or of another kind
    if (newer != nullptr && IsUnchanged(field, row, *newer)) continue;
    const bool first = out->len == start + 1;
    AppendBytes(out, field.prefix + (first ? 1 : 0), static_cast<int>(field.prefix_length) - (first ? 1 : 0));
    const Datum value = row.values[field.column];
    if (row.nulls[field.column]) {
      AppendBytes(out, "null", 4);
    } else if (IsAbsent(field.value, value) || !AppendValue(field.value, value, out)) {
      return false;
    }
  }
  AppendByte(out, '}');
  return true;
}

} // namespace itemize
