// The definition model: what an item type is, as the other rooms of the extension see it.
//
// Definitions live in itemize.item_type and itemize.item_column, both user_catalog_table, so that the
// output plugin reads them under the historic snapshot of the change it encodes. Everything here is
// plain data in a memory context: nothing has a destructor, so the server may raise at any time.
#pragma once

#include "boundary/prelude.hpp"

namespace itemize {

/// Most key columns of an item type.
inline constexpr int kMaxKeyColumns = 8;

/// A column of the source table that a definition names.
struct DefinitionColumn {
  NameData name;
  AttrNumber attnum; ///< resolved by name when read; InvalidAttrNumber when the column is gone
};

struct ItemDefinition {
  NameData type;
  NameData read; ///< `nobody`, `everyone`, `authenticated`, `owner` or `role:NAME,…`
  Oid source;
  int64 generation; ///< from a sequence; new with each define, never used again
  int key_count;
  int field_count;
  DefinitionColumn *keys;        ///< in key order
  DefinitionColumn *fields;      ///< in field order
  const DefinitionColumn *owner; ///< with read => 'owner' the field that says whose an item is, else null
};

/// Whether an item is for its owner alone.
bool IsForOwners(const NameData &read);

/// The directives for caches that the definition of the type has, under the catalog snapshot or the historic one; null
/// when it has none.
const char *FindCacheControl(const char *type);

/// Whether a name can stand in the change stream's words for a rule as it is: letters, digits and underscores.
bool IsPlainName(const char *name);

/// Oids of the extension's own catalog, InvalidOid members where the extension is not there (or was not
/// there yet, under a historic snapshot).
struct DefinitionCatalog {
  Oid schema;
  Oid item_type;
  Oid item_type_name_index;
  Oid item_type_source_index;
  Oid item_column;
  Oid item_column_index;
  // Not there in databases, and at moments, that know no topics yet.
  Oid topic;
  Oid topic_name_index;
  Oid seal;
};

/// Columns of itemize.item_type and itemize.item_column, in the order sql/00_schema.sql has them.
enum ItemTypeColumn : AttrNumber { kItemTypeName = 1, kItemTypeSource, kItemTypeGeneration, kItemTypeRead };
enum ItemColumnColumn : AttrNumber {
  kItemColumnItemType = 1,
  kItemColumnPurpose,
  kItemColumnOrdinal,
  kItemColumnName,
  kItemColumnAttnum,
  kItemColumnDetail
};
/// The same for itemize.topic (sql/40_publish.sql).
enum TopicColumn : AttrNumber { kTopicName = 1, kTopicGeneration, kTopicRead };

/// Reads the catalog's oids under the current (catalog or historic) snapshot; false when the extension
/// is not there.
bool LookUpDefinitionCatalog(DefinitionCatalog &catalog);

/// The definition of a table or of an item type; null when there is none. Allocated in the current
/// memory context. Of a table: its own or that of a partitioned table above it, with the columns' numbers in this
/// table; read with the catalog snapshot, or the historic one while decoding. By type: read
/// with the snapshot given (null: the catalog snapshot), that of the rows that will be read by it: a definition
/// replaced since would look for them in a table, or under a generation, that this snapshot does not know.
ItemDefinition *FindDefinitionOfTable(Oid table);
ItemDefinition *FindDefinitionByType(const char *type, Snapshot snapshot);

/// A transaction is visible a moment before other sessions are told to forget what they keep of its catalogs. A fetch
/// in between would read rows of the old kind, or without those of a new partition, and pass them for those of its
/// snapshot. So who changes what a definition's rows are without locking out readers holds fetches to the end of its
/// transaction, as its last lock; and a fetch, which has its snapshot, waits until nobody does. For a definition of
/// `source`.
void HoldFetches(Oid source);
void AwaitCatalogs(Oid source);

/// Whether the write-ahead log has a column's old value when an update changes it, and in every delete: its table's
/// replica identity covers it.
bool IdentityCovers(Relation table, AttrNumber column);

/// Whether there is a topic of that name, under the current catalog snapshot.
bool IsTopicDefined(const char *topic);

} // namespace itemize
