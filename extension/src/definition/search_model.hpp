// The definition model as search sees it: what of an item is searched, and the SQL expressions that its indexes stand
// on.
//
// Plain data, as in model.hpp. Whoever asks for rows by one of these purposes writes exactly the expression that is
// given here: the planner takes an index only for the expression that the index has.
#pragma once

#include "definition/model.hpp"

#include "boundary/prelude.hpp"

namespace itemize {

/// A text column that is searched.
struct SearchText {
  NameData name;
  AttrNumber attnum;
  char weight; ///< 'A' (most) to 'D'
};

/// The index on the computed document, which has its statistics.
struct DocumentIndex {
  Oid index; ///< InvalidOid: there is none
  AttrNumber attribute;
};

struct SearchDefinition {
  ItemDefinition item;
  int text_count; ///< 0: nothing to search by words
  SearchText *texts;
  const char *language; ///< a tag (BCP 47) for all rows, `und` where nothing is said; null: the column has it
  DefinitionColumn *language_column;
  DefinitionColumn *location; ///< null: items have no place
  bool location_is_geography; ///< else geometry of SRID 4326
  DefinitionColumn *price;
  DefinitionColumn *currency_column;
  const char *currency; ///< an ISO 4217 code for all rows; null: the column has it, or there is no price
  DefinitionColumn *owner;
  DefinitionColumn *parent;
  DefinitionColumn *changed; ///< timestamptz, timestamp or date
  int facet_count;
  DefinitionColumn *facets;
  const char *document_column; ///< a stored generated column that has the document; null: it is computed
  DocumentIndex document_index;
  uint32 unindexed; ///< a bit for each SearchPurpose whose index is missing: HasIndexFor
};

/// What an index serves.
enum class SearchPurpose : uint8 { kText, kLocation, kPrice, kChanged, kOwner, kParent, kFacet };

/// The definition of a type as it is now, good to the end of the transaction; raises 42704 with a hint when there is
/// none, and 55000 when a column of it is gone. Cheap: the session keeps it until something of it changes.
const SearchDefinition *RequireSearchDefinition(const char *type);

// SQL over the columns of the table or alias `alias` (null: bare columns), quoted. In the current memory context.

/// The tsvector: itemize.document(...), or the stored column that has it. Only with text_count > 0.
const char *DocumentExpression(const SearchDefinition &definition, const char *alias);
/// The row's language tag as text: a literal or the column.
const char *LanguageExpression(const SearchDefinition &definition, const char *alias);
/// The place, a geography. Only with a location.
const char *LocationExpression(const SearchDefinition &definition, const char *alias);
/// The price, a numeric; and its currency, a text: a literal or the column. Only with a price.
const char *PriceExpression(const SearchDefinition &definition, const char *alias);
const char *CurrencyExpression(const SearchDefinition &definition, const char *alias);
/// A column as it is.
const char *ColumnExpression(const DefinitionColumn &column, const char *alias);

/// Whether a valid index of the table's stands on the purpose's expression; of facets: on each of them.
bool HasIndexFor(const SearchDefinition &definition, SearchPurpose purpose);

/// Which orders B-tree indexes have that are read upwards: rows without a value behind all others, or before them. Read
/// downwards an index has the opposite order.
struct IndexOrders {
  bool nulls_last;
  bool nulls_first;
};

/// Of the valid indexes of the whole table that begin with a column, or, where it is not null, with an expression over
/// it.
IndexOrders FindIndexOrders(Oid table, AttrNumber column, const char *expression);

} // namespace itemize
