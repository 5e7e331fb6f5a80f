// A visitor's words as tsqueries over the documents of one definition, and the excerpts that show where they match.
#pragma once

#include "definition/search_model.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "tsearch/ts_type.h"
}

namespace itemize {

/// Bytes of a query; a longer one is refused with SQLSTATE 54000.
inline constexpr int kMaxQueryTextBytes = 65536;

/// Of each text of a row; its excerpt is made without looking at what comes after it.
inline constexpr int kMaxHeadlineBytes = 131072;

struct CompiledQuery {
  TSQuery strict;  ///< all words match
  TSQuery relaxed; ///< any word matches; what the query excludes stays excluded
  TSQuery ranking; ///< the words that are asked for, and nothing else: for itemize.rank
  bool is_empty;   ///< nothing to search for: only signs, or words that the languages leave out; the queries are empty
};

/// Compiles whatever a person can type (docs/reference/query-language.md). `lang` is the visitor's language tag; null:
/// the words are read in the languages that the rows may have. palloc'd in the current memory context. Raises 54000
/// above kMaxQueryTextBytes, and nothing else for any text in the server's encoding.
CompiledQuery CompileQuery(const SearchDefinition &definition, const char *query, const char *lang);

/// The best fragments of a row's texts, one for each text column of the definition, null where the row has none or none
/// that may be shown. HTML: the text escaped, what matched in <mark>. Null when no word of the query is in them.
/// `row_language` as LanguageExpression gives it, or null. palloc'd.
char *Headline(const SearchDefinition &definition, const CompiledQuery &query, const char *const *texts,
               const char *row_language);

} // namespace itemize
