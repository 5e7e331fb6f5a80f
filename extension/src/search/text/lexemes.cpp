#include "search/text/lexemes.hpp"

#include <cstring>

#include "search/text/word_forms.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "common/hashfn.h"
#include "tsearch/ts_cache.h"
#include "tsearch/ts_public.h"
}

namespace itemize {

namespace {

constexpr int kMaxLexemesOfWord = 16;

/// Lexemes of one word while they are gathered.
struct Gathered {
  bool is_dropped = false;
  int count = 0;
  Size bytes = 0;
  WordLexeme items[kMaxLexemesOfWord];

  void Add(MemoryContext context, uint16 group, std::string_view lexeme) {
    if (lexeme.empty() || count == kMaxLexemesOfWord) return;
    char *const copy = static_cast<char *>(MemoryContextAlloc(context, lexeme.size()));
    std::memcpy(copy, lexeme.data(), lexeme.size());
    items[count++] = {group, static_cast<uint16>(lexeme.size()), copy};
    bytes += lexeme.size();
  }
};

enum class Reading { kUnknown, kDropped, kLexemes };

TSLexeme *CallDictionary(const TSDictionaryCacheEntry *dictionary, std::string_view word) {
  DictSubState state = {false, false, nullptr};
  auto const call = [&] {
    return reinterpret_cast<TSLexeme *>(DatumGetPointer(FunctionCall4(
        const_cast<FmgrInfo *>(&dictionary->lexize), PointerGetDatum(dictionary->dictData),
        PointerGetDatum(word.data()), Int32GetDatum(static_cast<int32>(word.size())), PointerGetDatum(&state))));
  };
  TSLexeme *result = call();
  // A dictionary of phrases is told that there is no further word, as ts_lexize does.
  if (state.getnext) {
    state.isend = true;
    TSLexeme *const last = call();
    if (last != nullptr) result = last;
  }
  return result;
}

/// What the dictionaries make of the word, the first that knows it; one that filters hands on what it made of it.
Reading Lexize(const DictionaryChain &chain, std::string_view word, const TSLexeme *&lexemes) {
  for (int i = 0; i < chain.count; ++i) {
    TSLexeme *const result = CallDictionary(lookup_ts_dictionary_cache(chain.dictionaries[i]), word);
    if (result == nullptr) continue;
    if (result->lexeme == nullptr) return Reading::kDropped;
    if ((result->flags & TSL_FILTER) != 0) {
      word = result->lexeme;
      continue;
    }
    lexemes = result;
    return Reading::kLexemes;
  }
  return Reading::kUnknown;
}

bool IsDigits(std::string_view word) {
  for (char const character : word) {
    if (character < '0' || character > '9') return false;
  }
  return true;
}

const DictionaryChain &ChainFor(const Analyzer &analyzer, std::string_view word) {
  bool is_ascii = true;
  for (char const character : word) {
    if (character >= '0' && character <= '9') return analyzer.with_digits;
    if (static_cast<unsigned char>(character) >= 0x80) is_ascii = false;
  }
  return is_ascii ? analyzer.ascii : analyzer.word;
}

void AddFolded(MemoryContext context, Gathered &gathered, uint16 group, std::string_view lexeme) {
  WordBuffer folded;
  MakeFoldedForm(lexeme, folded);
  gathered.Add(context, group, folded.view());
}

void AddRead(MemoryContext context, Gathered &gathered, const TSLexeme *lexemes) {
  auto group = static_cast<uint16>(gathered.count == 0 ? 0 : gathered.items[gathered.count - 1].group + 1);
  for (const TSLexeme *lexeme = lexemes; lexeme->lexeme != nullptr; ++lexeme) {
    if (lexeme != lexemes && lexeme->nvariant != (lexeme - 1)->nvariant) ++group;
    AddFolded(context, gathered, group, lexeme->lexeme);
  }
}

bool HasLexeme(const Gathered &gathered, std::string_view lexeme) {
  for (int i = 0; i < gathered.count; ++i) {
    if (std::string_view(gathered.items[i].text, gathered.items[i].size) == lexeme) return true;
  }
  return false;
}

/// The stem of the word without accents, where it is none of those that are there: people leave accents out before the
/// stem's end and behind it.
void AddStemOfFolded(MemoryContext context, const Analyzer &analyzer, std::string_view plain, Gathered &gathered) {
  WordBuffer folded;
  MakeFoldedForm(plain, folded);
  if (folded.size == 0 || folded.view() == plain) return;
  const TSLexeme *lexemes = nullptr;
  switch (Lexize(ChainFor(analyzer, folded.view()), folded.view(), lexemes)) {
  case Reading::kDropped: return;
  case Reading::kUnknown:
    if (HasLexeme(gathered, folded.view())) return;
    gathered.Add(context, static_cast<uint16>(gathered.count == 0 ? 0 : gathered.items[gathered.count - 1].group + 1),
                 folded.view());
    return;
  case Reading::kLexemes: break;
  }
  bool const is_one = lexemes[1].lexeme == nullptr;
  WordBuffer stem;
  MakeFoldedForm(lexemes->lexeme, stem);
  if (is_one && HasLexeme(gathered, stem.view())) return;
  AddRead(context, gathered, lexemes);
}

void ReadWord(MemoryContext context, const Analyzer &analyzer, std::string_view word, Gathered &gathered) {
  WordBuffer plain;
  MakePlainForm(word, analyzer.is_turkic, plain);
  if (plain.size == 0) return;
  if (IsDigits(plain.view())) {
    gathered.Add(context, 0, plain.view());
    return;
  }
  const TSLexeme *lexemes = nullptr;
  switch (Lexize(ChainFor(analyzer, plain.view()), plain.view(), lexemes)) {
  case Reading::kDropped: gathered.is_dropped = true; return;
  case Reading::kUnknown: AddFolded(context, gathered, 0, plain.view()); break;
  case Reading::kLexemes: AddRead(context, gathered, lexemes); break;
  }
  AddStemOfFolded(context, analyzer, plain.view(), gathered);
}

void GatherToken(MemoryContext context, const Analyzer &analyzer, std::string_view word, TokenKind kind,
                 Gathered &gathered) {
  switch (kind) {
  case TokenKind::kWord:
  case TokenKind::kJoined: ReadWord(context, analyzer, word, gathered); break;
  case TokenKind::kNumber: {
    WordBuffer forms[kMaxNumberForms];
    int const count = MakeNumberForms(word, forms);
    for (int i = 0; i < count; ++i)
      gathered.Add(context, static_cast<uint16>(i), forms[i].view());
    break;
  }
  case TokenKind::kGram:
  case TokenKind::kLastGram: {
    WordBuffer plain;
    MakePlainForm(word, false, plain);
    gathered.Add(context, 0, plain.view());
    break;
  }
  }
}

/// Words that were read before, in a table that is emptied when it is full.
struct KnownWord {
  uint32 hash;
  uint16 size;
  TokenKind kind;
  int analyzer;
  const char *word; ///< null: free
  WordLexemes lexemes;
};

constexpr uint32 kKnownWords = 1U << 14U; ///< a power of two; filled to three quarters
constexpr Size kMaxKnownWordBytes = 64;

struct Known {
  MemoryContext context;
  MemoryContext passing; ///< what dictionaries leave behind
  uint64 generation;
  uint32 count;
  KnownWord *words;
};

Known known = {nullptr, nullptr, 0, 0, nullptr};

void PrepareKnown() {
  if (known.context == nullptr) {
    known.context = AllocSetContextCreate(CacheMemoryContext, "itemize words", ALLOCSET_DEFAULT_SIZES);
    known.passing = AllocSetContextCreate(CacheMemoryContext, "itemize dictionary results", ALLOCSET_DEFAULT_SIZES);
  }
  if (known.words != nullptr && known.generation == LanguagesGeneration() && known.count < kKnownWords / 4 * 3) return;
  known.words = nullptr;
  MemoryContextReset(known.context);
  known.count = 0;
  known.generation = LanguagesGeneration();
  known.words = static_cast<KnownWord *>(MemoryContextAllocZero(known.context, sizeof(KnownWord) * Size{kKnownWords}));
}

KnownWord *FindSlot(uint32 hash, const Analyzer &analyzer, TokenKind kind, std::string_view word) {
  for (uint32 i = hash;; ++i) {
    KnownWord &slot = known.words[i & (kKnownWords - 1)];
    if (slot.word == nullptr) return &slot;
    if (slot.hash == hash && slot.analyzer == analyzer.number && slot.kind == kind && slot.size == word.size() &&
        std::memcmp(slot.word, word.data(), word.size()) == 0) {
      return &slot;
    }
  }
}

WordLexemes CopyLexemes(MemoryContext context, const Gathered &gathered) {
  Size const header = sizeof(WordLexeme) * static_cast<Size>(gathered.count);
  auto *const items = static_cast<WordLexeme *>(MemoryContextAlloc(context, header + gathered.bytes + 1));
  char *text = reinterpret_cast<char *>(items) + header;
  for (int i = 0; i < gathered.count; ++i) {
    items[i] = gathered.items[i];
    std::memcpy(text, gathered.items[i].text, gathered.items[i].size);
    items[i].text = text;
    text += gathered.items[i].size;
  }
  return {gathered.is_dropped, gathered.count, items};
}

} // namespace

WordLexemes ReadToken(const Analyzer &analyzer, std::string_view content, const Token &token) {
  PrepareKnown();
  std::string_view const word = content.substr(token.begin, token.end - token.begin);
  bool const is_kept = word.size() <= kMaxKnownWordBytes;
  uint32 hash = 0;
  KnownWord *slot = nullptr;
  if (is_kept) {
    hash = hash_bytes(reinterpret_cast<const unsigned char *>(word.data()), static_cast<int>(word.size())) +
           static_cast<uint32>(analyzer.number) * 0x9E3779B9U + static_cast<uint32>(token.kind);
    slot = FindSlot(hash, analyzer, token.kind, word);
    if (slot->word != nullptr) return slot->lexemes;
  }
  MemoryContextReset(known.passing);
  MemoryContext const caller = MemoryContextSwitchTo(known.passing);
  Gathered gathered;
  GatherToken(known.passing, analyzer, word, token.kind, gathered);
  MemoryContextSwitchTo(caller);
  if (!is_kept) return CopyLexemes(known.passing, gathered);
  WordLexemes const lexemes = CopyLexemes(known.context, gathered);
  char *const copy = static_cast<char *>(MemoryContextAlloc(known.context, word.size() + 1));
  std::memcpy(copy, word.data(), word.size());
  *slot = {hash, static_cast<uint16>(word.size()), token.kind, analyzer.number, copy, lexemes};
  ++known.count;
  return lexemes;
}

} // namespace itemize
