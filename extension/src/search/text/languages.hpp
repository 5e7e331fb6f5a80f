// The languages of a database: which text search configuration reads the words of a language tag.
//
// What is read from itemize.language and from the configurations is kept for the session and forgotten when one of them
// changes.
#pragma once

#include "boundary/prelude.hpp"

namespace itemize {

/// Dictionaries that a word goes through, one after the other.
struct DictionaryChain {
  int count;
  Oid *dictionaries;
};

/// How the words of some languages are read.
struct Analyzer {
  int number;                ///< counts from 0, for caches
  const char *configuration; ///< qualified name; empty: words are only folded
  bool is_turkic;            ///< I without a dot is another letter
  DictionaryChain ascii, word, with_digits;
};

/// Lives until the next call of UseLanguages.
struct Analyzers {
  int count;
  const Analyzer *const *items;
};

/// To be called first by every entry point that reads words: forgets what has changed. What the functions below gave
/// out earlier is gone then.
void UseLanguages();

/// The analyzer of a language tag (BCP 47, any case, `_` for `-` too): of the longest of its prefixes that
/// itemize.language has, a user's own row before a built-in one. Of other tags, and null: the one that only folds.
const Analyzer *FindAnalyzer(const char *tag, int size);

/// All analyzers that itemize.language names, and the one that only folds.
Analyzers AllAnalyzers();

/// Grows whenever something that was kept has been forgotten.
uint64 LanguagesGeneration();

/// The memory context of what is kept for the session, emptied when it is forgotten.
MemoryContext LanguagesContext();

} // namespace itemize
