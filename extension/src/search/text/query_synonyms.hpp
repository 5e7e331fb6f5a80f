// Synonyms of a query's words.
#pragma once

#include <cstddef>
#include <vector>

#include "search/text/query_scope.hpp"
#include "search/text/query_syntax.hpp"
#include "search/text/query_words.hpp"

#include "boundary/prelude.hpp"

namespace itemize {

/// What to look for as well, instead of the words of a node and of the ones beside it.
struct Alternative {
  std::size_t nodes; ///< this one and those that follow it among its parent's children
  std::vector<QueryWord> words;
};

/// Synonyms of one query; further ones count for nothing.
inline constexpr int kMaxAlternatives = 64;

/// For each node of the syntax, the alternatives of it and of those that follow it. What is quoted has none.
std::vector<std::vector<Alternative>>
FindAlternatives(const QuerySyntax &syntax, const std::vector<std::vector<QueryWord>> &words, const QueryScope &scope);

} // namespace itemize
