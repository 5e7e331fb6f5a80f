// Synonyms, as itemize.synonym has them, read for the session.
#pragma once

#include "boundary/prelude.hpp"

namespace itemize {

/// A tag under which synonyms hold in every language.
inline constexpr char kEveryLanguage[] = "und";

/// One way from words to others.
struct Synonym {
  const char *tag; ///< lower case
  int word_count;
  const char *const *words; ///< a lexeme for each of the words, as the tag's language reads them
  const char *other;        ///< what else to look for, as it was written
};

/// Ordered by their first word. In the memory of the session, until the next call.
struct Synonyms {
  int count;
  const Synonym *items;
};

/// After UseLanguages.
Synonyms UseSynonyms();

/// Whether synonyms of the tag hold for words of a language: it is the language, or a wider one, or every one. Case
/// does not matter in `language`; null: any language may be meant.
bool HoldsFor(const Synonym &synonym, const char *language);

} // namespace itemize
