// The words of a query, read in each language that the rows may have.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "search/text/languages.hpp"
#include "search/text/query_syntax.hpp"
#include "search/text/tokenizer.hpp"

#include "boundary/prelude.hpp"

namespace itemize {

/// Words, phrases' words and pairs of characters that a query is read to; further ones count for nothing.
inline constexpr int kMaxQueryTokens = 256;

/// Lexemes that stand for a word together.
struct WordReading {
  std::vector<std::string> lexemes;
  bool is_prefix;
  std::vector<bool> analyzers; ///< that read it so

  [[nodiscard]] bool IsOf(const std::vector<bool> &some) const;
};

struct QueryWord {
  TokenKind kind;
  int position;
  std::vector<WordReading> readings;
  std::vector<bool> dropped_by; ///< the analyzers that leave it out

  [[nodiscard]] bool IsDroppedByAll(const std::vector<bool> &some) const;
};

/// The words of each node of the syntax; empty for nodes of other kinds.
std::vector<std::vector<QueryWord>> ReadQueryWords(std::string_view query, const QuerySyntax &syntax,
                                                   const std::vector<const Analyzer *> &analyzers);

/// The words of a text.
std::vector<QueryWord> ReadWords(std::string_view content, const std::vector<const Analyzer *> &analyzers);

} // namespace itemize
