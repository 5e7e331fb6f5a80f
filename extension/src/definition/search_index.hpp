// The indexes that search stands on: which ones a definition wants, whether they are there, and the statements that
// make them.
//
// An index is recognized by what it indexes, in parsed form, and not by its name: whoever has one already, under any
// name, needs no other.
#pragma once

#include "definition/search_model.hpp"

#include "boundary/prelude.hpp"

namespace itemize {

struct WantedIndex {
  SearchPurpose purpose;
  bool is_optional;           ///< search does without it: a recommendation
  const char *method;         ///< an access method of the server's
  int count;                  ///< of expressions
  const char *expressions[2]; ///< SQL over bare columns; each a column or in parentheses
  const char *label;          ///< what its name says of it
};

struct WantedIndexes {
  int count;
  WantedIndex *items;
};

WantedIndexes ListWantedIndexes(const SearchDefinition &definition);

enum class IndexState : uint8 { kPresent, kInvalid, kMissing };

struct FoundIndex {
  IndexState state;
  Oid index; ///< InvalidOid when missing
  int place; ///< of the first of the expressions among the index's columns, from 0
};

/// The best index of the table's that has what is wanted. One that is partial, or of other operator classes or
/// collations, does not.
FoundIndex FindIndex(Relation table, const WantedIndex &wanted);

/// A line of itemize.search_indexes: one statement, in the order in which they are to be run.
struct IndexLine {
  const char *purpose;
  const char *state;     ///< present, missing, invalid, optional or recommended
  const char *statement; ///< null when it is present
};

struct IndexLines {
  int count;
  IndexLine *items;
};

/// All lines of a definition. Statements build concurrently, each is to be run outside of a transaction block.
IndexLines ListIndexLines(const SearchDefinition &definition);

/// The statement that builds a whole index within a transaction, of a partitioned table on all partitions. It makes
/// writers wait until the transaction's end.
const char *PlainStatement(Relation table, const WantedIndex &wanted);

/// Says (NOTICE) which statements a definition lacks. With `build` those whose indexes are missing are run first, if
/// the table is small enough for its writers to wait.
void OfferIndexes(const char *type, bool build);

/// A bit for each purpose (1 << purpose) for which an index is wanted and none is usable.
uint32 FindUnindexed(const SearchDefinition &definition);

/// The index on the computed document whose statistics tell how rare words are; of a partitioned table, which has none
/// of its indexes, that of the largest partition. None where a column has the document, or nothing is indexed.
DocumentIndex FindDocumentIndex(const SearchDefinition &definition);

/// A definition, read anew.
SearchDefinition *ReadSearchDefinition(const char *type);

/// The document as a call, whether or not a column has it.
const char *ComputedDocumentExpression(const SearchDefinition &definition, const char *alias);

/// The name of the stored generated column that search takes documents from: one of exactly that expression, unless
/// the expression has an index and the column has none (yet). Null when there is none.
const char *FindDocumentColumn(const SearchDefinition &definition);

} // namespace itemize
