#include "search/text/synonyms.hpp"

#include <cstring>

#include "search/text/languages.hpp"
#include "search/text/lexemes.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "utils/inval.h"
}

namespace itemize {

namespace {

/// Of words that others stand for.
constexpr int kMaxSynonymWords = 8;

/// Columns of itemize.synonym, in the order sql/81_text.sql has them.
enum SynonymColumn : AttrNumber { kSynonymTag = 1, kSynonymWord, kSynonymSynonym, kSynonymOneWay };

struct Kept {
  MemoryContext context;
  bool is_stale;
  bool is_loaded;
  uint64 languages;
  Oid table;
  int count;
  int capacity;
  Synonym *items;
};

Kept kept = {nullptr, true, false, 0, InvalidOid, 0, 0, nullptr};
bool is_listening = false;

void ForgetOnTableChange(Datum, Oid table) {
  if (table == InvalidOid || table == kept.table) kept.is_stale = true;
}

/// Lexemes of a text's words; false when one of them has none, or they are too many.
bool ReadWords(const char *tag, const char *content, Synonym &synonym) {
  const Analyzer *const analyzer = FindAnalyzer(tag, static_cast<int>(std::strlen(tag)));
  const char *words[kMaxSynonymWords];
  int count = 0;
  std::string_view const whole(content);
  Tokenizer tokenizer(whole);
  Token token;
  while (tokenizer.Next(token)) {
    if (token.kind == TokenKind::kJoined) continue;
    // Of characters without spaces only the pairs that a query asks for.
    if (token.kind == TokenKind::kLastGram && count > 0) continue;
    WordLexemes const lexemes = ReadToken(*analyzer, whole, token);
    if (lexemes.count == 0 || count == kMaxSynonymWords) return false;
    MemoryContext const caller = MemoryContextSwitchTo(kept.context);
    words[count++] = pnstrdup(lexemes.items[0].text, lexemes.items[0].size);
    MemoryContextSwitchTo(caller);
  }
  if (count == 0) return false;
  auto *const copy =
      static_cast<const char **>(MemoryContextAlloc(kept.context, sizeof(char *) * static_cast<Size>(count)));
  for (int i = 0; i < count; ++i)
    copy[i] = words[i];
  synonym.word_count = count;
  synonym.words = copy;
  return true;
}

void AddSynonym(const char *tag, const char *from, const char *to) {
  Synonym synonym = {};
  if (!ReadWords(tag, from, synonym)) return;
  synonym.tag = MemoryContextStrdup(kept.context, tag);
  synonym.other = MemoryContextStrdup(kept.context, to);
  if (kept.count == kept.capacity) {
    kept.capacity = kept.capacity == 0 ? 64 : 2 * kept.capacity;
    Size const size = sizeof(Synonym) * static_cast<Size>(kept.capacity);
    kept.items = static_cast<Synonym *>(kept.items == nullptr ? MemoryContextAllocHuge(kept.context, size)
                                                              : repalloc_huge(kept.items, size));
  }
  kept.items[kept.count++] = synonym;
}

int CompareFirstWords(const void *left, const void *right) {
  return std::strcmp(static_cast<const Synonym *>(left)->words[0], static_cast<const Synonym *>(right)->words[0]);
}

void ReadTable() {
  Relation table = table_open(kept.table, AccessShareLock);
  TupleDesc const description = RelationGetDescr(table);
  SysScanDesc scan = systable_beginscan(table, InvalidOid, false, nullptr, 0, nullptr);
  while (HeapTuple tuple = systable_getnext(scan)) {
    CHECK_FOR_INTERRUPTS();
    Datum values[kSynonymOneWay];
    bool nulls[kSynonymOneWay];
    heap_deform_tuple(tuple, description, values, nulls);
    const char *const tag = TextDatumGetCString(values[kSynonymTag - 1]);
    const char *const word = TextDatumGetCString(values[kSynonymWord - 1]);
    const char *const synonym = TextDatumGetCString(values[kSynonymSynonym - 1]);
    AddSynonym(tag, word, synonym);
    if (!DatumGetBool(values[kSynonymOneWay - 1])) AddSynonym(tag, synonym, word);
  }
  systable_endscan(scan);
  table_close(table, AccessShareLock);
  if (kept.count > 1) qsort(kept.items, static_cast<Size>(kept.count), sizeof(Synonym), CompareFirstWords);
}

} // namespace

Synonyms UseSynonyms() {
  if (!is_listening) {
    CacheRegisterRelcacheCallback(ForgetOnTableChange, 0);
    is_listening = true;
  }
  if (kept.is_loaded && !kept.is_stale && kept.languages == LanguagesGeneration()) return {kept.count, kept.items};
  if (kept.context == nullptr) {
    kept.context = AllocSetContextCreate(CacheMemoryContext, "itemize synonyms", ALLOCSET_DEFAULT_SIZES);
  }
  MemoryContextReset(kept.context);
  kept.is_loaded = false;
  kept.items = nullptr;
  kept.count = kept.capacity = 0;
  kept.languages = LanguagesGeneration();
  kept.is_stale = false;
  MemoryContext const caller = CurrentMemoryContext;
  MemoryContext const passing = AllocSetContextCreate(caller, "itemize synonym table", ALLOCSET_DEFAULT_SIZES);
  MemoryContextSwitchTo(passing);
  Oid const space = get_namespace_oid("itemize", true);
  kept.table = OidIsValid(space) ? get_relname_relid("synonym", space) : InvalidOid;
  if (OidIsValid(kept.table)) ReadTable();
  MemoryContextSwitchTo(caller);
  MemoryContextDelete(passing);
  kept.is_loaded = true;
  return {kept.count, kept.items};
}

bool HoldsFor(const Synonym &synonym, const char *language) {
  if (language == nullptr || std::strcmp(synonym.tag, kEveryLanguage) == 0) return true;
  Size const size = std::strlen(synonym.tag);
  for (Size i = 0; i < size; ++i) {
    char const character =
        language[i] == '_' ? '-' : static_cast<char>(pg_ascii_tolower(static_cast<unsigned char>(language[i])));
    if (character != synonym.tag[i]) return false;
  }
  return language[size] == '\0' || language[size] == '-' || language[size] == '_';
}

} // namespace itemize
