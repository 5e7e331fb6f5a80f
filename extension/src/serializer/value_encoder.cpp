#include "serializer/value_encoder.hpp"

#include <cmath>
#include <cstring>

#include "itemize/key_text.hpp"
#include "serializer/buffer.hpp"
#include "serializer/geojson.hpp"
#include "serializer/json_text.hpp"
#include "serializer/nested.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "common/base64.h"
#include "common/shortest_dec.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"
}

namespace itemize {

namespace {

char *WriteText(char *at, const char *text, Size length) {
  std::memcpy(at, text, length);
  return at + length;
}

char *WriteQuoted(char *at, const char *plain) {
  *at++ = '"';
  at = WriteText(at, plain, std::strlen(plain));
  *at++ = '"';
  return at;
}

/// NaN and infinities are strings, as in to_jsonb.
char *WriteNotFinite(char *at, double value) {
  return WriteQuoted(at, std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
}

/// The shortest decimal that reads back the same.
char *WriteFloat4(char *at, float4 value) {
  if (unlikely(!std::isfinite(value))) return WriteNotFinite(at, value);
  return at + float_to_shortest_decimal_bufn(value, at);
}

char *WriteFloat8(char *at, float8 value) {
  char *const end = json::WriteShortDouble(at, value);
  if (end != nullptr) return end;
  if (unlikely(!std::isfinite(value))) return WriteNotFinite(at, value);
  return at + double_to_shortest_decimal_bufn(value, at);
}

// On-disk layout of numeric, unchanged since PostgreSQL 9.1: utils/adt/numeric.c, struct NumericData.
constexpr uint16 kNumericSignMask = 0xC000;
constexpr uint16 kNumericNegative = 0x4000;
constexpr uint16 kNumericShort = 0x8000;
constexpr uint16 kNumericSpecial = 0xC000;
constexpr uint16 kNumericSpecialMask = 0xF000;
constexpr uint16 kNumericPositiveInfinity = 0xD000;
constexpr uint16 kNumericNegativeInfinity = 0xF000;

/// Room for `size` bytes in a buffer that has kValueRoom at `at`, and `room` bytes behind them.
char *ReserveAt(StringInfo out, char *at, Size size, Size room) {
  out->len = static_cast<int>(at - out->data);
  return Reserve(out, size + room);
}

char *WriteNumeric(Datum value, StringInfo out, char *at, Size room) {
  struct varlena *const packed = PG_DETOAST_DATUM_PACKED(value);
  const char *const data = VARDATA_ANY(packed);
  const Size size = VARSIZE_ANY_EXHDR(packed);
  uint16 header;
  std::memcpy(&header, data, sizeof(header));
  if ((header & kNumericSignMask) == kNumericSpecial) {
    const uint16 special = header & kNumericSpecialMask;
    return WriteQuoted(at, special == kNumericPositiveInfinity   ? "Infinity"
                           : special == kNumericNegativeInfinity ? "-Infinity"
                                                                 : "NaN");
  }
  json::NumericParts parts;
  Size header_size = sizeof(uint16);
  if ((header & kNumericSignMask) == kNumericShort) {
    parts.negative = (header & 0x2000) != 0;
    parts.display_scale = (header & 0x1F80) >> 7;
    parts.weight = (header & 0x0040) != 0 ? (header & 0x003F) | ~0x003F : header & 0x003F;
  } else {
    parts.negative = (header & kNumericSignMask) == kNumericNegative;
    parts.display_scale = header & 0x3FFF;
    int16 weight;
    std::memcpy(&weight, data + sizeof(uint16), sizeof(weight));
    parts.weight = weight;
    header_size += sizeof(int16);
  }
  parts.digit_count = static_cast<int>((size - header_size) / sizeof(int16));
  parts.digits = data + header_size;
  return json::WriteNumeric(ReserveAt(out, at, json::MaxNumericBytes(parts), room), parts);
}

/// Dates that the direct encoders leave out: BC, beyond 9999, infinities.
char *WriteRareDateTime(char *at, Datum value, Oid type) {
  static_assert(kValueRoom > MAXDATELEN + 3);
  const int utc = 0;
  JsonEncodeDateTime(at + 1, value, type, type == TIMESTAMPTZOID ? &utc : nullptr);
  *at = '"';
  at += 1 + std::strlen(at + 1);
  *at++ = '"';
  return at;
}

char *WriteDate(char *at, Datum value) {
  char *const end = json::WriteDate(at, DatumGetDateADT(value));
  return end != nullptr ? end : WriteRareDateTime(at, value, DATEOID);
}

char *WriteTimestamp(char *at, Datum value, bool utc) {
  char *const end = json::WriteTimestamp(at, DatumGetTimestamp(value), utc);
  return end != nullptr ? end : WriteRareDateTime(at, value, utc ? TIMESTAMPTZOID : TIMESTAMPOID);
}

void AppendBase64(StringInfo out, Datum value) {
  struct varlena *const packed = PG_DETOAST_DATUM_PACKED(value);
  const int size = static_cast<int>(VARSIZE_ANY_EXHDR(packed));
  const int encoded_size = pg_b64_enc_len(size);
  char *const start = Reserve(out, static_cast<Size>(encoded_size) + 2);
  *start = '"';
  const int written = pg_b64_encode(VARDATA_ANY(packed), size, start + 1, encoded_size);
  start[1 + written] = '"';
  Commit(out, start + written + 2);
}

void AppendCompactJson(StringInfo out, const char *text, Size length) {
  Commit(out, json::WriteWithoutWhitespace(Reserve(out, length), {text, length}));
}

void AppendJsonb(StringInfo out, Datum value) {
  Jsonb *const jsonb = DatumGetJsonbP(value);
  StringInfoData text;
  initStringInfo(&text);
  JsonbToCString(&text, &jsonb->root, VARSIZE(jsonb));
  AppendCompactJson(out, text.data, static_cast<Size>(text.len));
  pfree(text.data);
}

/// FunctionCall does not take a const FmgrInfo, though encoding changes nothing of ours in it.
FmgrInfo *Callable(const FmgrInfo &function) { return const_cast<FmgrInfo *>(&function); }

void AppendOutput(StringInfo out, const ValueEncoder &encoder, Datum value) {
  const char *const text = OutputFunctionCall(Callable(encoder.output), value);
  AppendJsonString(out, text, std::strlen(text));
}

/// GeoJSON; what that cannot express (a curve, say) in PostGIS's own text form, hexadecimal EWKB.
void AppendGeometry(StringInfo out, const ValueEncoder &encoder, Datum value) {
  struct varlena *const packed = PG_DETOAST_DATUM_PACKED(value);
  const std::string_view geometry(VARDATA_ANY(packed), VARSIZE_ANY_EXHDR(packed));
  const Size bound = json::MaxGeoJsonBytes(geometry);
  if (bound == 0) return AppendOutput(out, encoder, PointerGetDatum(packed));
  Commit(out, json::WriteGeoJson(Reserve(out, bound), geometry));
}

char *WriteJsonString(StringInfo out, char *at, const char *text, Size length, Size room) {
  at = ReserveAt(out, at, length + 2 + json::kMaxEscapedBytes, room);
  *at++ = '"';
  while (true) {
    const Size plain = json::CopyPlainPrefix(at, text, length);
    at += plain;
    if (plain == length) break;
    at = json::WriteEscape(at, text[plain]);
    text += plain + 1;
    length -= plain + 1;
    at = ReserveAt(out, at, length + 2 + json::kMaxEscapedBytes, room);
  }
  *at++ = '"';
  return at;
}

/// The kinds that are neither short nor simple.
void AppendValue(StringInfo out, const ValueEncoder &encoder, Datum value) {
  switch (encoder.kind) {
  case ValueKind::kBytea: return AppendBase64(out, value);
  case ValueKind::kJson: {
    struct varlena *const packed = PG_DETOAST_DATUM_PACKED(value);
    return AppendCompactJson(out, VARDATA_ANY(packed), VARSIZE_ANY_EXHDR(packed));
  }
  case ValueKind::kJsonb: return AppendJsonb(out, value);
  case ValueKind::kArray: return EncodeArray(*encoder.element, value, out);
  case ValueKind::kComposite: return EncodeComposite(value, out);
  case ValueKind::kGeometry: return AppendGeometry(out, encoder, value);
  default: return AppendOutput(out, encoder, value);
  }
}

} // namespace

void AppendJsonString(StringInfo out, const char *text, Size length) {
  Commit(out, WriteJsonString(out, out->data + out->len, text, length, 0));
}

char *WriteValue(const ValueEncoder &encoder, Datum value, StringInfo out, char *at, Size room) {
  switch (encoder.kind) {
  case ValueKind::kBool: return DatumGetBool(value) ? WriteText(at, "true", 4) : WriteText(at, "false", 5);
  case ValueKind::kInt2: return json::WriteInt64(at, DatumGetInt16(value));
  case ValueKind::kInt4: return json::WriteInt64(at, DatumGetInt32(value));
  case ValueKind::kInt8: return json::WriteInt64(at, DatumGetInt64(value));
  case ValueKind::kFloat4: return WriteFloat4(at, DatumGetFloat4(value));
  case ValueKind::kFloat8: return WriteFloat8(at, DatumGetFloat8(value));
  case ValueKind::kNumeric: return WriteNumeric(value, out, at, room);
  case ValueKind::kText: {
    struct varlena *const packed = PG_DETOAST_DATUM_PACKED(value);
    return WriteJsonString(out, at, VARDATA_ANY(packed), VARSIZE_ANY_EXHDR(packed), room);
  }
  case ValueKind::kUuid: return json::WriteUuid(at, DatumGetUUIDP(value)->data);
  case ValueKind::kDate: return WriteDate(at, value);
  case ValueKind::kTimestamp: return WriteTimestamp(at, value, false);
  case ValueKind::kTimestampTz: return WriteTimestamp(at, value, true);
  default:
    Commit(out, at);
    AppendValue(out, encoder, value);
    return Reserve(out, room);
  }
}

void EncodeValue(const ValueEncoder &encoder, Datum value, StringInfo out) {
  Commit(out, WriteValue(encoder, value, out, Reserve(out, kValueRoom), 0));
}

void EncodeKeyValue(const ValueEncoder &encoder, Datum value, StringInfo out) {
  const auto percent_encode = [out](const char *text, Size length) {
    char *at = Reserve(out, 3 * length);
    PercentEncodeTo({text, length}, [&at](char c) { *at++ = c; });
    Commit(out, at);
  };
  switch (encoder.kind) {
  case ValueKind::kInt2:
  case ValueKind::kInt4:
  case ValueKind::kInt8: return EncodeValue(encoder, value, out);
  case ValueKind::kText: {
    struct varlena *const packed = PG_DETOAST_DATUM_PACKED(value);
    return percent_encode(VARDATA_ANY(packed), VARSIZE_ANY_EXHDR(packed));
  }
  case ValueKind::kOutputFunction: {
    const char *const text = OutputFunctionCall(Callable(encoder.output), value);
    return percent_encode(text, std::strlen(text));
  }
  default: {
    // Number, boolean, date or the like: its JSON form without quotes, in which nothing is escaped.
    StringInfoData json_text;
    initStringInfo(&json_text);
    EncodeValue(encoder, value, &json_text);
    const bool quoted = json_text.data[0] == '"';
    percent_encode(json_text.data + (quoted ? 1 : 0), static_cast<Size>(json_text.len) - (quoted ? 2 : 0));
    pfree(json_text.data);
    return;
  }
  }
}

} // namespace itemize
