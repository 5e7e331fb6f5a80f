// What a query is compiled for: the columns that it may name, and the languages that the rows may have.
#pragma once

#include <string>
#include <vector>

#include "definition/search_model.hpp"
#include "search/text/languages.hpp"

#include "boundary/prelude.hpp"

namespace itemize {

struct QueryField {
  std::string name;
  char weight;            ///< 'A' to 'D'
  bool shares_its_weight; ///< with another column: its words are told apart by their field marks
  int ordinal;            ///< of itemize.document's texts, from 1
};

struct QueryScope {
  std::vector<QueryField> fields;
  std::vector<const Analyzer *> analyzers; ///< not empty, each once
  std::vector<std::string> languages;      ///< tags whose synonyms count; empty: those of all
};

/// The definition's language and `lang`. With a language in each row: all that there are, or `lang` and the words as
/// they are written, for rows of languages without a configuration.
QueryScope MakeQueryScope(const SearchDefinition &definition, const char *lang);

/// Of documents that no definition is known for.
QueryScope MakeQueryScope(const char *lang);

} // namespace itemize
