#include "serializer/nested.hpp"

#include <cstring>

#include "serializer/buffer.hpp"
#include "serializer/row_limit.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "utils/typcache.h"
}

namespace itemize {

namespace {

struct ArrayCursor {
  const ValueEncoder *element;
  const Datum *values;
  const bool *nulls;
  int next;
};

/// What may stand before a row in the buffer is less. Behind the limit and this the row is over the limit, and will be
/// told so: no need to make the rest. (An array of 100 KB can have a text of 1 GB: numeric '1e100000' takes 10 bytes.)
constexpr int kHopeless = 2 * 1024 * 1024;

void EncodeDimension(ArrayCursor &cursor, const int *sizes, int dimensions, StringInfo out) {
  AppendByte(out, '[');
  for (int i = 0; i < sizes[0]; ++i) {
    if (unlikely(out->len > kHopeless + MaxRowBytes())) return;
    if (i > 0) AppendByte(out, ',');
    if (dimensions > 1) {
      EncodeDimension(cursor, sizes + 1, dimensions - 1, out);
      continue;
    }
    const int at = cursor.next++;
    if (cursor.nulls[at]) {
      AppendBytes(out, "null", 4);
    } else {
      EncodeValue(*cursor.element, cursor.values[at], out);
    }
  }
  AppendByte(out, ']');
}

} // namespace

void EncodeArray(const ValueEncoder &element, Datum value, StringInfo out) {
  check_stack_depth();
  ArrayType *const array = DatumGetArrayTypeP(value);
  if (ARR_NDIM(array) == 0) {
    AppendBytes(out, "[]", 2);
    return;
  }
  Datum *values;
  bool *nulls;
  int count;
  deconstruct_array(array, ARR_ELEMTYPE(array), element.length, element.by_value, element.alignment, &values, &nulls,
                    &count);
  ArrayCursor cursor{&element, values, nulls, 0};
  EncodeDimension(cursor, ARR_DIMS(array), ARR_NDIM(array), out);
}

void EncodeComposite(Datum value, StringInfo out) {
  check_stack_depth();
  HeapTupleHeader const header = DatumGetHeapTupleHeader(value);
  TupleDesc const description =
      lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header), HeapTupleHeaderGetTypMod(header));
  HeapTupleData tuple;
  tuple.t_len = HeapTupleHeaderGetDatumLength(header);
  ItemPointerSetInvalid(&tuple.t_self);
  tuple.t_tableOid = InvalidOid;
  tuple.t_data = header;
  const auto columns = static_cast<Size>(description->natts);
  auto *const values = static_cast<Datum *>(palloc(columns * sizeof(Datum)));
  auto *const nulls = static_cast<bool *>(palloc(columns * sizeof(bool)));
  heap_deform_tuple(&tuple, description, values, nulls);
  AppendByte(out, '{');
  bool first = true;
  for (int i = 0; i < description->natts; ++i) {
    Form_pg_attribute const attribute = TupleDescAttr(description, i);
    if (attribute->attisdropped) continue;
    if (!first) AppendByte(out, ',');
    first = false;
    AppendJsonString(out, NameStr(attribute->attname), std::strlen(NameStr(attribute->attname)));
    AppendByte(out, ':');
    if (nulls[i]) {
      AppendBytes(out, "null", 4);
      continue;
    }
    // Made anew each time: a composite's attributes may change between two rows of a stream.
    ValueEncoder encoder;
    MakeValueEncoder(attribute->atttypid, encoder);
    EncodeValue(encoder, values[i], out);
  }
  AppendByte(out, '}');
  ReleaseTupleDesc(description);
}

} // namespace itemize
