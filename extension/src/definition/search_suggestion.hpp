// What a table's columns look like to search: the part of itemize.suggest_definition that proposes it.
#pragma once

#include "definition/definition_store.hpp"

#include "boundary/prelude.hpp"

namespace itemize {

/// Proposed arguments, as columns are considered one by one: the first that fits has a purpose that takes one column.
class SearchSuggestion {
public:
  SearchSuggestion();

  /// By the column's name and type. Not to be called for columns that look private.
  void Consider(Relation table, Form_pg_attribute column);

  /// Lines of arguments for the call, each ending in a comma and a line end; empty when there is nothing to search.
  [[nodiscard]] const char *Arguments() const;

  /// Lines of SQL comments on what could not be proposed.
  [[nodiscard]] const char *Comments() const;

private:
  const char *single_[kColumnPurposes] = {};
  StringInfoData text_;
  StringInfoData facets_;
};

/// An element of an array literal, quoted where its syntax asks for it.
void AppendElement(StringInfo list, const char *element);

/// Text of a table's owner as part of an SQL comment: on one line.
const char *OneLine(const char *text);

} // namespace itemize
