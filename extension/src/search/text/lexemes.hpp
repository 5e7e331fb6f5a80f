// From words to what the index keeps of them.
#pragma once

#include <string_view>

#include "search/text/languages.hpp"
#include "search/text/tokenizer.hpp"

#include "boundary/prelude.hpp"

namespace itemize {

/// One lexeme of a word. Those of the same group stand for the word together (the parts of a compound), groups stand
/// for it each by itself.
struct WordLexeme {
  uint16 group;
  uint16 size;
  const char *text;
};

struct WordLexemes {
  bool is_dropped; ///< the language leaves the word out: a stop word
  int count;       ///< may be 0 of other words, too: what is too long is left out
  const WordLexeme *items;

  [[nodiscard]] const WordLexeme *begin() const noexcept { return items; }
  [[nodiscard]] const WordLexeme *end() const noexcept { return items + count; }
};

/// What the index keeps of a token of `content`: of a word its stem without accents, and where that differs the stem of
/// the word without accents. Kept for the session; valid until the next call.
WordLexemes ReadToken(const Analyzer &analyzer, std::string_view content, const Token &token);

} // namespace itemize
