// The queries behind fetch and list: prepared once per item type and session, run as the table's owner.
#pragma once

#include "serializer/row_encoder.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "executor/spi.h"
}

namespace itemize {

enum class ItemQueryKind : uint8 {
  kByKeys,    ///< parameters: one array a key column; rows: ordinality, key columns, fields
  kByFewKeys, ///< the same; of a partitioned table it opens only the partitions in which the keys can be
  kFirst,     ///< parameter: limit; rows in key order: key columns, fields
  kAfter,     ///< parameters: one value a key column, limit; rows in key order: key columns, fields
};

/// From how many keys on a plan for just these keys costs more than one that looks into every partition.
inline constexpr int kFewKeys = 64;

/// The saved plan of a query; made anew when the definition, the table's name or its columns' types have
/// changed since. To be called with SPI connected.
SPIPlanPtr PrepareItemQuery(const ItemDefinition &definition, ItemQueryKind kind);

/// What the input function of a key column makes of a text; false when it is no value of that type, or
/// not the text that the serializer writes for it.
bool ParseKeyValue(Oid column_type, const char *text, Datum &value);

// Parts of statements about the rows of a definition, whatever the search_path: `t` is its table.

/// `OPERATOR(schema.=)`, the default equality of a type; raises where there is none.
void AppendEquality(StringInfo query, Oid type);
/// ` schema.table AS t`, with ONLY where the table has no partitions.
void AppendTable(StringInfo query, const ItemDefinition &definition);
/// The key columns, then the fields, as MakePackedRowEncoder takes them.
void AppendSelectList(StringInfo query, const ItemDefinition &definition);

/// The types of the key columns, domains looked through, in key order.
void GetKeyTypes(const ItemDefinition &definition, Oid *types);

} // namespace itemize
