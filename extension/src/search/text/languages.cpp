#include "search/text/languages.hpp"

#include <cstring>

#include "boundary/prelude.hpp"

extern "C" {
#include "catalog/namespace.h"
#include "catalog/pg_ts_config.h"
#include "tsearch/ts_cache.h"
#include "tsearch/ts_public.h"
#include "utils/inval.h"
#include "utils/varlena.h"
}

namespace itemize {

namespace {

constexpr int kMaxTagBytes = 64;

/// Columns of itemize.language, in the order sql/81_text.sql has them.
enum LanguageColumn : AttrNumber { kLanguageTag = 1, kLanguageConfiguration, kLanguageBuiltIn };

struct LanguageRow {
  char tag[kMaxTagBytes];
  const Analyzer *analyzer;
  bool is_built_in;
};

struct Kept {
  MemoryContext context;
  bool is_stale;
  bool is_loaded;
  uint64 generation;
  Oid language_table;
  int language_count;
  LanguageRow *languages;
  int analyzer_count;
  const Analyzer **analyzers; ///< the first one only folds
};

Kept kept = {nullptr, true, false, 0, InvalidOid, 0, nullptr, 0, nullptr};
bool is_listening = false;

void ForgetOnCatalogChange(Datum, int, uint32) { kept.is_stale = true; }

void ForgetOnTableChange(Datum, Oid table) {
  if (table == InvalidOid || table == kept.language_table) kept.is_stale = true;
}

void Listen() {
  if (is_listening) return;
  CacheRegisterSyscacheCallback(TSCONFIGOID, ForgetOnCatalogChange, 0);
  CacheRegisterSyscacheCallback(TSCONFIGMAP, ForgetOnCatalogChange, 0);
  CacheRegisterSyscacheCallback(TSDICTOID, ForgetOnCatalogChange, 0);
  CacheRegisterRelcacheCallback(ForgetOnTableChange, 0);
  is_listening = true;
}

/// Lower case with hyphens; false for what is no tag.
bool NormalizeTag(const char *tag, int size, char (&normal)[kMaxTagBytes]) {
  if (size <= 0 || size >= kMaxTagBytes) return false;
  for (int i = 0; i < size; ++i) {
    char const character = tag[i];
    if (character >= 'A' && character <= 'Z') {
      normal[i] = static_cast<char>(character + ('a' - 'A'));
    } else {
      normal[i] = character == '_' ? '-' : character;
    }
  }
  normal[size] = '\0';
  return true;
}

/// Languages that have an i with a dot and one without.
bool IsTurkic(const char *tag) {
  constexpr const char *kTurkic[] = {"tr", "az", "kk-latn", "tt-latn", "crh", "gag"};
  for (const char *const turkic : kTurkic) {
    Size const size = std::strlen(turkic);
    if (std::strncmp(tag, turkic, size) == 0 && (tag[size] == '\0' || tag[size] == '-')) return true;
  }
  return false;
}

/// The configuration of that name; one that is not there is as none: rows must stay writable.
Oid FindConfiguration(const char *name) {
  List *parts = nullptr;
  if (!SplitIdentifierString(pstrdup(name), '.', &parts) || list_length(parts) > 2 || parts == nullptr)
    return InvalidOid;
  bool const has_schema = list_length(parts) == 2;
  const char *const schema = has_schema ? static_cast<const char *>(linitial(parts)) : "pg_catalog";
  const char *const last = static_cast<const char *>(llast(parts));
  Oid const space = get_namespace_oid(schema, true);
  if (!OidIsValid(space)) return InvalidOid;
  return GetSysCacheOid2(TSCONFIGNAMENSP, Anum_pg_ts_config_oid, PointerGetDatum(last), ObjectIdGetDatum(space));
}

DictionaryChain CopyChain(const TSConfigCacheEntry *configuration, int token_type) {
  DictionaryChain chain = {0, nullptr};
  if (token_type <= 0 || token_type >= configuration->lenmap) return chain;
  const ListDictionary &map = configuration->map[token_type];
  chain.count = map.len;
  chain.dictionaries =
      static_cast<Oid *>(MemoryContextAlloc(kept.context, sizeof(Oid) * static_cast<Size>(map.len + 1)));
  for (int i = 0; i < map.len; ++i)
    chain.dictionaries[i] = map.dictIds[i];
  return chain;
}

/// The number of a token type by its name: parsers other than the server's default number theirs otherwise.
int FindTokenType(const LexDescr *types, const char *alias) {
  for (; types != nullptr && types->lexid > 0; ++types) {
    if (std::strcmp(types->alias, alias) == 0) return types->lexid;
  }
  return 0;
}

void ReadDictionaries(Analyzer &analyzer, Oid configuration_oid) {
  TSConfigCacheEntry *const configuration = lookup_ts_config_cache(configuration_oid);
  const TSParserCacheEntry *const parser = lookup_ts_parser_cache(configuration->prsId);
  if (!OidIsValid(parser->lextypeOid)) return;
  const auto *const types =
      reinterpret_cast<const LexDescr *>(DatumGetPointer(OidFunctionCall1(parser->lextypeOid, static_cast<Datum>(0))));
  analyzer.word = CopyChain(configuration, FindTokenType(types, "word"));
  analyzer.ascii = CopyChain(configuration, FindTokenType(types, "asciiword"));
  analyzer.with_digits = CopyChain(configuration, FindTokenType(types, "numword"));
}

/// The analyzer of a configuration, made when it is not there yet.
const Analyzer *GetAnalyzer(const char *configuration, bool is_turkic) {
  for (int i = 0; i < kept.analyzer_count; ++i) {
    const Analyzer *const known = kept.analyzers[i];
    if (std::strcmp(known->configuration, configuration) == 0 && known->is_turkic == is_turkic) return known;
  }
  auto *const analyzer = static_cast<Analyzer *>(MemoryContextAllocZero(kept.context, sizeof(Analyzer)));
  analyzer->number = kept.analyzer_count;
  analyzer->configuration = MemoryContextStrdup(kept.context, configuration);
  analyzer->is_turkic = is_turkic;
  Oid const oid = configuration[0] == '\0' ? InvalidOid : FindConfiguration(configuration);
  if (OidIsValid(oid)) ReadDictionaries(*analyzer, oid);
  Size const size = sizeof(Analyzer *) * static_cast<Size>(kept.analyzer_count + 1);
  kept.analyzers = static_cast<const Analyzer **>(kept.analyzers == nullptr ? MemoryContextAlloc(kept.context, size)
                                                                            : repalloc(kept.analyzers, size));
  kept.analyzers[kept.analyzer_count++] = analyzer;
  return analyzer;
}

void AddLanguage(const char *tag, const char *configuration, bool is_built_in) {
  char normal[kMaxTagBytes];
  if (!NormalizeTag(tag, static_cast<int>(std::strlen(tag)), normal)) return;
  const Analyzer *const analyzer = GetAnalyzer(configuration, IsTurkic(normal));
  for (int i = 0; i < kept.language_count; ++i) {
    LanguageRow &known = kept.languages[i];
    if (std::strcmp(known.tag, normal) != 0) continue;
    if (known.is_built_in) known.analyzer = analyzer; // the user's own row is the one that counts
    return;
  }
  Size const size = sizeof(LanguageRow) * static_cast<Size>(kept.language_count + 1);
  kept.languages = static_cast<LanguageRow *>(kept.languages == nullptr ? MemoryContextAlloc(kept.context, size)
                                                                        : repalloc(kept.languages, size));
  LanguageRow &row = kept.languages[kept.language_count++];
  std::memcpy(row.tag, normal, sizeof(normal));
  row.analyzer = analyzer;
  row.is_built_in = is_built_in;
}

void ReadLanguageTable() {
  Relation table = table_open(kept.language_table, AccessShareLock);
  TupleDesc const description = RelationGetDescr(table);
  // The user's own rows first. There are as many rows as there are languages.
  for (int pass = 0; pass < 2; ++pass) {
    bool const built_in = pass == 1;
    SysScanDesc scan = systable_beginscan(table, InvalidOid, false, nullptr, 0, nullptr);
    while (HeapTuple tuple = systable_getnext(scan)) {
      bool is_null[3] = {};
      Datum const tag = heap_getattr(tuple, kLanguageTag, description, &is_null[0]);
      Datum const configuration = heap_getattr(tuple, kLanguageConfiguration, description, &is_null[1]);
      Datum const is_built_in = heap_getattr(tuple, kLanguageBuiltIn, description, &is_null[2]);
      if (is_null[0] || is_null[1] || is_null[2] || DatumGetBool(is_built_in) != built_in) continue;
      AddLanguage(TextDatumGetCString(tag), TextDatumGetCString(configuration), built_in);
    }
    systable_endscan(scan);
  }
  table_close(table, AccessShareLock);
}

void Load() {
  MemoryContext const caller = CurrentMemoryContext;
  MemoryContext const passing = AllocSetContextCreate(caller, "itemize language table", ALLOCSET_DEFAULT_SIZES);
  MemoryContextSwitchTo(passing);
  (void)GetAnalyzer("", false);
  Oid const space = get_namespace_oid("itemize", true);
  kept.language_table = OidIsValid(space) ? get_relname_relid("language", space) : InvalidOid;
  if (OidIsValid(kept.language_table)) ReadLanguageTable();
  MemoryContextSwitchTo(caller);
  MemoryContextDelete(passing);
}

} // namespace

void UseLanguages() {
  Listen();
  if (kept.is_loaded && !kept.is_stale) return;
  if (kept.context == nullptr) {
    kept.context = AllocSetContextCreate(CacheMemoryContext, "itemize languages", ALLOCSET_DEFAULT_SIZES);
  }
  MemoryContextReset(kept.context);
  kept.is_loaded = false;
  kept.language_count = kept.analyzer_count = 0;
  kept.languages = nullptr;
  kept.analyzers = nullptr;
  ++kept.generation;
  // What changes while it is read makes it stale at once.
  kept.is_stale = false;
  Load();
  kept.is_loaded = true;
}

const Analyzer *FindAnalyzer(const char *tag, int size) {
  char normal[kMaxTagBytes];
  if (tag != nullptr && NormalizeTag(tag, size, normal)) {
    while (normal[0] != '\0') {
      for (int i = 0; i < kept.language_count; ++i) {
        if (std::strcmp(kept.languages[i].tag, normal) == 0) return kept.languages[i].analyzer;
      }
      char *const cut = std::strrchr(normal, '-');
      *(cut == nullptr ? normal : cut) = '\0';
    }
  }
  return kept.analyzers[0];
}

Analyzers AllAnalyzers() { return {kept.analyzer_count, kept.analyzers}; }

uint64 LanguagesGeneration() { return kept.generation; }

MemoryContext LanguagesContext() { return kept.context; }

} // namespace itemize
