// The one serializer: a row as compact JSON, its members' lengths, and its canonical key.
//
// Used by the output plugin and by the fetch functions alike, so both give the same bytes. Plain data in
// a memory context; encoding holds nothing with a destructor.
#pragma once

#include "definition/model.hpp"
#include "serializer/value_encoder.hpp"

#include "boundary/prelude.hpp"

namespace itemize {

struct FieldEncoder {
  int column;         ///< index into the arrays of values and nulls
  const char *prefix; ///< `,"name":`, in memory to be read by WriteBlocks
  Size prefix_length; ///< bytes
  ValueEncoder value;
};

struct KeyEncoder {
  int column;
  ValueEncoder value;
};

struct RowEncoder {
  int field_count;
  int key_count;
  Size room; ///< bytes that a row of values without a length of their own cannot exceed
  FieldEncoder *fields;
  KeyEncoder *keys;
};

/// A row's values as heap_deform_tuple gives them.
struct RowValues {
  Datum *values;
  bool *nulls;
};

/// Makes the encoder of a definition in the current memory context for tuples of `description`. A column
/// stands where the definition has it (attnum - 1). A field that is gone is always absent, and without one of
/// its key columns no key is known: a stream must not stop for a definition that is out of date.
RowEncoder *MakeRowEncoder(const ItemDefinition &definition, TupleDesc description);

/// The same for tuples that hold the key columns, then the fields, from index `first_column` on.
RowEncoder *MakePackedRowEncoder(const ItemDefinition &definition, TupleDesc description, int first_column);

/// Appends the row to `out` and its member lengths, comma separated, to `member_lengths`. A value that was
/// left in the TOAST table is taken from `fallback` where that has it (replica identity FULL), else the
/// member is left out with length 0. `fallback` may be null.
void EncodeRow(const RowEncoder &encoder, const RowValues &row, const RowValues *fallback, StringInfo out,
               StringInfo member_lengths);

/// Whether a row's key can be told: no key column is gone or null, or left in the TOAST table where `fallback`
/// (may be null) does not have it.
bool IsKeyKnown(const RowEncoder &encoder, const RowValues &row, const RowValues *fallback);

/// Appends the canonical key text of a row whose key is known.
void EncodeKey(const RowEncoder &encoder, const RowValues &row, const RowValues *fallback, StringInfo out);

/// Bytes that the text of a row surely exceeds, told without encoding it: what is over the limit anyway need not be
/// made. Values of a TOAST table count where they are in reach.
Size LeastRowBytes(const RowEncoder &encoder, const RowValues &row);

/// Appends an empty row, all of whose members are absent, and its member lengths.
void EncodeAbsentRow(const RowEncoder &encoder, StringInfo out, StringInfo member_lengths);

/// Whether a row's text depends on the settings of output_settings.hpp.
bool DependsOnSettings(const RowEncoder &encoder);

} // namespace itemize
