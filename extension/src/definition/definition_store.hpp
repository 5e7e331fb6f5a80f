// The rows of definitions: read as they are stored, and written.
//
// Rows are written as the server writes its catalogs (CatalogTupleInsert and its like) and not through SQL: whoever
// owns a table may define it, though only the extension's owner may touch these tables, and event triggers follow
// DDL of users who have no right on them. So nothing here depends on a role, a search_path or a rule; it is the
// callers that check. The output plugin sees the writes as it sees any other.
//
// A definition is written under LockDefinitions, taken after the lock on its source table, item_column rows first and
// the item_type row last (removed in reverse), so that who sees the item_type row sees all of it.
#pragma once

#include "definition/model.hpp"
#include "definition/problem.hpp"

#include "boundary/prelude.hpp"

namespace itemize {

/// What a definition has a column for. Keys and fields make the item's bytes; the others are for search alone, and
/// nothing of the stream reads them, but the owner and the cache control.
enum class ColumnPurpose : uint8 {
  kKey,
  kField,
  kText,
  kLanguage,
  kLocation,
  kPrice,
  kCurrency,
  kFacet,
  kOwner,
  kParent,
  kChanged,
  kCacheControl ///< a constant: how long answers with items may be kept
};
inline constexpr int kColumnPurposes = static_cast<int>(ColumnPurpose::kCacheControl) + 1;

/// The word for it in itemize.item_column.
const char *PurposeName(ColumnPurpose purpose);
ColumnPurpose PurposeOf(const char *name);

struct StoredColumn {
  ColumnPurpose purpose;
  int16 ordinal;
  NameData name;
  AttrNumber attnum;  ///< as stored: what the column was when its name was last seen; 0 unknown
  const char *detail; ///< of a text column: its weight; of a constant, which has no name: its value; else null
  ItemPointerData row;

  [[nodiscard]] bool IsKey() const { return purpose == ColumnPurpose::kKey; }
  [[nodiscard]] bool IsField() const { return purpose == ColumnPurpose::kField; }
  [[nodiscard]] bool IsForSearch() const { return !IsKey() && !IsField(); }
};

/// A definition as its rows have it: columns are not resolved against the source table.
struct StoredDefinition {
  NameData type;
  NameData read;
  Oid source;
  int64 generation;
  ItemPointerData row;
  int column_count;
  StoredColumn *columns; ///< keys in order, then fields in order, then those for search by purpose
  int constant_count;
  StoredColumn *constants; ///< a language or a currency that all rows have; the cache control
};

/// A column, or a constant (without a name), for search, as define writes it: in order within each purpose.
struct SearchColumn {
  ColumnPurpose purpose;
  NameData name;
  AttrNumber attnum;
  const char *detail;
};

struct SearchColumns {
  int count;
  SearchColumn *items;
};

struct StoredDefinitions {
  int count;
  StoredDefinition *items;
};

/// All definitions, under the current catalog snapshot, in the current memory context.
StoredDefinitions ReadStoredDefinitions(const DefinitionCatalog &catalog);

/// The one of that name, or null.
StoredDefinition *FindStored(const StoredDefinitions &definitions, const char *type);

/// The one that covers the table: its own, or that of a partitioned table above it. Null when there is none.
const StoredDefinition *FindStoredOfTable(const StoredDefinitions &definitions, Oid table);

/// A name for messages, of a table that may be gone.
const char *LabelOfTable(Oid table);

/// A table lies in the tree of another definition's table, or the other way round: a row would be an item of both.
Problem FindOverlap(const StoredDefinition &other, Oid table);

/// Lets one transaction at a time change definitions; readers go on.
void LockDefinitions(const DefinitionCatalog &catalog);

/// A generation that nothing has had before.
int64 NextGeneration(const DefinitionCatalog &catalog);

/// Writes a new definition, with a new generation.
void InsertDefinition(const DefinitionCatalog &catalog, const ItemDefinition &definition, const SearchColumns &search);

/// Puts a new one, with a new generation, in the place of an old one of the same name. Its item_type row is updated,
/// not written anew: that is one change of the type to the stream's readers.
void ReplaceDefinition(const DefinitionCatalog &catalog, const StoredDefinition &old, const ItemDefinition &definition,
                       const SearchColumns &search);

/// Replaces what is searched of a definition. Its items' bytes are the same, and so are its generation and its
/// item_type row: the stream's readers hear nothing of it.
void ReplaceSearch(const DefinitionCatalog &catalog, const StoredDefinition &old, const SearchColumns &search);

void DeleteDefinition(const DefinitionCatalog &catalog, const StoredDefinition &definition);

/// Gives a definition a new generation: rows read differently from now on. Invalidates the relcache entries of its
/// tables. Those must be locked against writers: what they wrote before would be sent under the old generation, and
/// after the new one.
void RenewGeneration(const DefinitionCatalog &catalog, const StoredDefinition &definition);

/// Locks a definition's tables, then the definitions, and renews its generation if it is still there.
void RenewDefinition(const DefinitionCatalog &catalog, const StoredDefinition &definition);

void UpdateColumn(const DefinitionCatalog &catalog, const StoredDefinition &definition, const StoredColumn &column);
void DeleteColumn(const DefinitionCatalog &catalog, const StoredColumn &column);

} // namespace itemize
