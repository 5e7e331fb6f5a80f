#include "serializer/row_encoder.hpp"

#include <cstring>

#include "serializer/buffer.hpp"
#include "serializer/json_text.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "access/detoast.h"
}

namespace itemize {

namespace {

void SetField(FieldEncoder &field, const char *name, int column, Oid type) {
  StringInfoData prefix;
  initStringInfo(&prefix);
  AppendByte(&prefix, ',');
  AppendJsonString(&prefix, name, std::strlen(name));
  AppendByte(&prefix, ':');
  field.column = column;
  field.prefix_length = static_cast<Size>(prefix.len);
  (void)Reserve(&prefix, kCopyBlock);
  field.prefix = prefix.data;
  MakeValueEncoder(type, field.value);
}

RowEncoder *AllocateRowEncoder(const ItemDefinition &definition) {
  auto *const encoder = static_cast<RowEncoder *>(palloc0(sizeof(RowEncoder)));
  encoder->field_count = definition.field_count;
  encoder->key_count = definition.key_count;
  encoder->fields =
      static_cast<FieldEncoder *>(palloc0(static_cast<Size>(definition.field_count) * sizeof(FieldEncoder)));
  encoder->keys = static_cast<KeyEncoder *>(palloc0(static_cast<Size>(definition.key_count) * sizeof(KeyEncoder)));
  return encoder;
}

/// Where a defined column stands in the source table's tuples; kGone when it is no more.
constexpr int kGone = -1;
int SourceColumn(const DefinitionColumn &column) {
  return column.attnum == InvalidAttrNumber ? kGone : column.attnum - 1;
}

/// Of a row without its values of variable length.
void SetRoom(RowEncoder &encoder) {
  encoder.room = 2 + kValueRoom;
  for (int i = 0; i < encoder.field_count; ++i)
    encoder.room += encoder.fields[i].prefix_length + kCopyBlock + kValueRoom;
}

/// JSON's null, in memory to be read by WriteBlocks.
constexpr char kNull[kCopyBlock] = "null";

Oid ColumnType(TupleDesc description, int column) { return TupleDescAttr(description, column)->atttypid; }

} // namespace

RowEncoder *MakeRowEncoder(const ItemDefinition &definition, TupleDesc description) {
  RowEncoder *const encoder = AllocateRowEncoder(definition);
  for (int i = 0; i < definition.key_count; ++i) {
    encoder->keys[i].column = SourceColumn(definition.keys[i]);
    if (encoder->keys[i].column == kGone) continue;
    MakeValueEncoder(ColumnType(description, encoder->keys[i].column), encoder->keys[i].value);
  }
  for (int i = 0; i < definition.field_count; ++i) {
    const int column = SourceColumn(definition.fields[i]);
    encoder->fields[i].column = column;
    if (column == kGone) continue;
    SetField(encoder->fields[i], NameStr(definition.fields[i].name), column, ColumnType(description, column));
  }
  SetRoom(*encoder);
  return encoder;
}

RowEncoder *MakePackedRowEncoder(const ItemDefinition &definition, TupleDesc description, int first_column) {
  RowEncoder *const encoder = AllocateRowEncoder(definition);
  int column = first_column;
  for (int i = 0; i < definition.key_count; ++i, ++column) {
    encoder->keys[i].column = column;
    MakeValueEncoder(ColumnType(description, column), encoder->keys[i].value);
  }
  for (int i = 0; i < definition.field_count; ++i, ++column) {
    SetField(encoder->fields[i], NameStr(definition.fields[i].name), column, ColumnType(description, column));
  }
  SetRoom(*encoder);
  return encoder;
}

void EncodeRow(const RowEncoder &encoder, const RowValues &row, const RowValues *fallback, StringInfo out,
               StringInfo member_lengths) {
  constexpr Size kMaxLengthBytes = json::kMaxInt64Bytes + 1;
  char *lengths = Reserve(member_lengths, static_cast<Size>(encoder.field_count) * kMaxLengthBytes);
  const int row_start = out->len;
  char *at = Reserve(out, encoder.room);
  for (int i = 0; i < encoder.field_count; ++i) {
    const FieldEncoder &field = encoder.fields[i];
    if (i > 0) *lengths++ = ',';
    if (unlikely(field.column == kGone)) {
      *lengths++ = '0';
      continue;
    }
    Datum value = row.values[field.column];
    const bool is_null = row.nulls[field.column];
    if (!is_null && IsAbsent(field.value, value)) {
      if (fallback == nullptr || fallback->nulls[field.column] ||
          IsAbsent(field.value, fallback->values[field.column])) {
        *lengths++ = '0';
        continue;
      }
      value = fallback->values[field.column];
    }
    const auto member_start = at - out->data + 1; // behind the comma
    at = WriteBlocks(at, field.prefix, field.prefix_length);
    at = is_null ? WriteBlocks(at, kNull, 4) : WriteValue(field.value, value, out, at, encoder.room);
    lengths = json::WriteCount(lengths, static_cast<std::size_t>(at - out->data - member_start));
  }
  Commit(member_lengths, lengths);
  if (at == out->data + row_start) ++at; // no member, hence no comma to be overwritten
  out->data[row_start] = '{';
  *at++ = '}';
  Commit(out, at);
}

void EncodeAbsentRow(const RowEncoder &encoder, StringInfo out, StringInfo member_lengths) {
  AppendBytes(out, "{}", 2);
  for (int i = 0; i < encoder.field_count; ++i) {
    if (i > 0) AppendByte(member_lengths, ',');
    AppendByte(member_lengths, '0');
  }
}

Size LeastRowBytes(const RowEncoder &encoder, const RowValues &row) {
  // The text of arrays and documents may be shorter than their binary form: a small number, 12 bytes there, is one
  // digit.
  constexpr Size kMostShrinking = 16;
  Size bytes = 0;
  for (int i = 0; i < encoder.field_count; ++i) {
    const FieldEncoder &field = encoder.fields[i];
    if (field.column == kGone || row.nulls[field.column] || field.value.length != -1) continue;
    if (IsAbsent(field.value, row.values[field.column])) continue;
    const Size raw = toast_raw_datum_size(row.values[field.column]) - VARHDRSZ;
    const ValueKind kind = field.value.kind;
    bytes += kind == ValueKind::kText || kind == ValueKind::kBytea ? raw : raw / kMostShrinking;
  }
  return bytes;
}

bool IsKeyKnown(const RowEncoder &encoder, const RowValues &row, const RowValues *fallback) {
  for (int i = 0; i < encoder.key_count; ++i) {
    const KeyEncoder &key = encoder.keys[i];
    if (key.column == kGone || row.nulls[key.column]) return false;
    if (!IsAbsent(key.value, row.values[key.column])) continue;
    if (fallback == nullptr || fallback->nulls[key.column] || IsAbsent(key.value, fallback->values[key.column])) {
      return false;
    }
  }
  return true;
}

void EncodeKey(const RowEncoder &encoder, const RowValues &row, const RowValues *fallback, StringInfo out) {
  for (int i = 0; i < encoder.key_count; ++i) {
    if (i > 0) AppendByte(out, ',');
    const KeyEncoder &key = encoder.keys[i];
    const bool absent = IsAbsent(key.value, row.values[key.column]);
    EncodeKeyValue(key.value, absent ? fallback->values[key.column] : row.values[key.column], out);
  }
}

bool DependsOnSettings(const RowEncoder &encoder) {
  for (int i = 0; i < encoder.field_count; ++i) {
    if (encoder.fields[i].column != kGone && DependsOnSettings(encoder.fields[i].value)) return true;
  }
  for (int i = 0; i < encoder.key_count; ++i) {
    if (encoder.keys[i].column != kGone && DependsOnSettings(encoder.keys[i].value)) return true;
  }
  return false;
}

} // namespace itemize
