// itemize.document: texts as the tsvector that is searched.
//
// A row must stay writable whatever its texts hold: what does not fit into a tsvector is left out, the end first.
#include <cstring>

#include "boundary/entry.hpp"
#include "search/text/lexemes.hpp"
#include "search/text/markers.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "access/detoast.h"
#include "mb/pg_wchar.h"
#include "tsearch/ts_type.h"
#include "tsearch/ts_utils.h"
}

namespace itemize {

namespace {

/// Bytes of all texts together that are read.
constexpr Size kMaxDocumentBytes = Size{4} * 1024 * 1024;
/// Between the last word of a column and the first of the next, so that no phrase spans two.
constexpr uint32 kColumnGap = 8;
constexpr int kMostColumns = 100;

/// One word at one place.
struct Occurrence {
  const char *text;
  uint32 order; ///< by appearance
  uint16 size;
  WordEntryPos position; ///< 0: none is kept
};

struct Document {
  Occurrence *items;
  uint32 count;
  uint32 capacity;
  char *room; ///< for lexemes' texts
  Size room_left;

  /// Room that lives as long as the call; lexemes are small and many.
  char *Take(Size size) {
    constexpr Size kBlock = 32768;
    if (room_left < size) {
      room_left = Max(kBlock, size);
      room = static_cast<char *>(palloc(room_left));
    }
    char *const taken = room;
    room += size;
    room_left -= size;
    return taken;
  }

  void Add(const char *lexeme, uint16 size, WordEntryPos position) {
    if (count == capacity) {
      capacity *= 2;
      items = static_cast<Occurrence *>(repalloc_huge(items, sizeof(Occurrence) * capacity));
    }
    items[count] = {lexeme, count, size, position};
    ++count;
  }
};

WordEntryPos MakePosition(uint32 position, char weight) {
  auto result = static_cast<WordEntryPos>(LIMITPOS(position));
  WEP_SETWEIGHT(result, static_cast<WordEntryPos>('D' - weight));
  return result;
}

/// Adds a lexeme at a position; with a field's mark before it, too.
void AddLexeme(Document &document, const WordLexeme &lexeme, WordEntryPos position, const char *mark, Size mark_size) {
  char *const copy = document.Take(mark_size + lexeme.size);
  std::memcpy(copy, mark, mark_size);
  std::memcpy(copy + mark_size, lexeme.text, lexeme.size);
  document.Add(copy + mark_size, lexeme.size, position);
  if (mark_size > 0) document.Add(copy, static_cast<uint16>(lexeme.size + mark_size), position);
}

/// Adds a column's words; returns the last position.
uint32 AddColumn(Document &document, const Analyzer &analyzer, std::string_view content, char weight, int ordinal,
                 uint32 last_position) {
  bool const is_shared = weight >= 'a';
  char const capital = is_shared ? static_cast<char>(weight - ('a' - 'A')) : weight;
  char mark[16];
  auto const mark_size =
      static_cast<Size>(is_shared ? snprintf(mark, sizeof(mark), "%c%d%c", kFieldMark, ordinal, kFieldMark) : 0);
  Tokenizer tokenizer(content, last_position);
  Token token;
  while (tokenizer.Next(token)) {
    WordLexemes const lexemes = ReadToken(analyzer, content, token);
    WordEntryPos const position = MakePosition(token.position, capital);
    for (const WordLexeme &lexeme : lexemes)
      AddLexeme(document, lexeme, position, mark, mark_size);
    CHECK_FOR_INTERRUPTS();
  }
  return tokenizer.position();
}

int CompareTexts(const Occurrence &left, const Occurrence &right) {
  int const compared = std::memcmp(left.text, right.text, Min(left.size, right.size));
  return compared != 0 ? compared : static_cast<int>(left.size) - static_cast<int>(right.size);
}

int CompareOccurrences(const void *left, const void *right) {
  const auto *const a = static_cast<const Occurrence *>(left);
  const auto *const b = static_cast<const Occurrence *>(right);
  int const compared = CompareTexts(*a, *b);
  if (compared != 0) return compared;
  int const a_position = WEP_GETPOS(a->position);
  int const b_position = WEP_GETPOS(b->position);
  if (a_position != b_position) return a_position - b_position;
  return static_cast<int>(WEP_GETWEIGHT(b->position)) - static_cast<int>(WEP_GETWEIGHT(a->position));
}

/// Occurrences of one lexeme: where they end, how many positions they have.
struct Run {
  uint32 end;
  uint16 positions;
  uint32 bytes; ///< in the vector, with the padding that may come before and behind
};

Run ScanRun(const Document &document, uint32 begin) {
  Run run = {begin, 0, 0};
  int last = -1;
  for (; run.end < document.count && CompareTexts(document.items[begin], document.items[run.end]) == 0; ++run.end) {
    int const position = WEP_GETPOS(document.items[run.end].position);
    if (position == 0 || position == last || run.positions == MAXNUMPOS - 1) continue;
    last = position;
    ++run.positions;
  }
  run.bytes = document.items[begin].size;
  if (run.positions > 0) {
    run.bytes = static_cast<uint32>(SHORTALIGN(run.bytes + 1) + sizeof(uint16) * (1U + run.positions));
  }
  return run;
}

/// Whether all of it fits into a tsvector, and how many lexemes there are.
bool Measure(const Document &document, uint32 &lexemes, Size &bytes) {
  lexemes = 0;
  bytes = 0;
  for (uint32 i = 0; i < document.count;) {
    Run const run = ScanRun(document, i);
    i = run.end;
    ++lexemes;
    bytes += run.bytes;
  }
  return bytes <= MAXSTRPOS;
}

void WriteRun(const Document &document, uint32 begin, const Run &run, TSVector vector, uint32 entry, Size &at) {
  const Occurrence &first = document.items[begin];
  WordEntry &word = ARRPTR(vector)[entry];
  word.haspos = run.positions > 0 ? 1 : 0;
  word.len = first.size & 0x7FFU;
  word.pos = static_cast<uint32>(at) & 0xFFFFFU;
  std::memcpy(STRPTR(vector) + at, first.text, first.size);
  at += first.size;
  if (run.positions == 0) return;
  at = SHORTALIGN(at);
  auto *const positions = reinterpret_cast<uint16 *>(STRPTR(vector) + at);
  positions[0] = run.positions;
  uint16 written = 0;
  int last = -1;
  for (uint32 i = begin; i < run.end && written < run.positions; ++i) {
    WordEntryPos const position = document.items[i].position;
    int const place = WEP_GETPOS(position);
    if (place == 0 || place == last) continue;
    last = place;
    positions[++written] = position;
  }
  at += sizeof(uint16) * (1U + run.positions);
}

void Sort(Document &document) {
  if (document.count > 1) qsort(document.items, document.count, sizeof(Occurrence), CompareOccurrences);
}

/// Leaves out everything that appeared from `order` on.
void CutOff(Document &document, uint32 order) {
  uint32 kept = 0;
  for (uint32 i = 0; i < document.count; ++i) {
    if (document.items[i].order < order) document.items[kept++] = document.items[i];
  }
  document.count = kept;
}

TSVector MakeVector(Document &document) {
  Sort(document);
  uint32 lexemes;
  Size bytes;
  while (!Measure(document, lexemes, bytes))
    CutOff(document, document.count / 8 * 7);
  // Padding is counted for each lexeme; what is not used is cut off.
  Size const room = CALCDATASIZE(lexemes, bytes);
  auto *const vector = static_cast<TSVector>(palloc0(room));
  vector->size = static_cast<int32>(lexemes);
  Size at = 0;
  uint32 entry = 0;
  for (uint32 i = 0; i < document.count;) {
    Run const run = ScanRun(document, i);
    WriteRun(document, i, run, vector, entry++, at);
    i = run.end;
  }
  SET_VARSIZE(vector, CALCDATASIZE(lexemes, at));
  return vector;
}

void RequireUtf8() {
  if (GetDatabaseEncoding() == PG_UTF8) return;
  ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                  errmsg("itemize needs a database with the encoding UTF8, this one has %s", GetDatabaseEncodingName()),
                  errhint("Create the database WITH ENCODING 'UTF8' TEMPLATE template0.")));
}

void CheckWeights(const char *weights, int size, int columns) {
  if (size != columns || columns > kMostColumns) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("itemize.document has %d weights for %d texts", size, columns),
                    errhint("Give a letter from A to D for each text, at most %d.", kMostColumns)));
  }
  for (int i = 0; i < size; ++i) {
    char const letter = static_cast<char>(pg_toupper(static_cast<unsigned char>(weights[i])));
    if (letter >= 'A' && letter <= 'D') continue;
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("itemize.document has no weight \"%.*s\"", pg_mblen(weights + i), weights + i),
                    errhint("Weights are A, B, C and D; a lower case letter for columns that share one.")));
  }
}

Document NewDocument(Size text_bytes) {
  Document document = {};
  document.capacity = static_cast<uint32>(Max(Min(text_bytes, kMaxDocumentBytes) / 4, Size{64}));
  document.items = static_cast<Occurrence *>(palloc_extended(sizeof(Occurrence) * document.capacity, MCXT_ALLOC_HUGE));
  return document;
}

/// A word that marks the language, at no position.
void AddLanguageMark(Document &document, const Analyzer &analyzer) {
  Size const size = std::strlen(analyzer.configuration);
  if (size == 0 || size > MAXSTRLEN - 1) return;
  char *const mark = document.Take(size + 1);
  mark[0] = kLanguageMark;
  std::memcpy(mark + 1, analyzer.configuration, size);
  document.Add(mark, static_cast<uint16>(size + 1), 0);
}

struct Texts {
  int count;
  Datum *values;
  bool *nulls;
};

Texts ReadTexts(ArrayType *array) {
  Texts texts = {};
  deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &texts.values, &texts.nulls, &texts.count);
  return texts;
}

TSVector MakeDocument(const Analyzer &analyzer, const char *weights, const Texts &texts) {
  Size total = 0;
  for (int i = 0; i < texts.count; ++i) {
    if (!texts.nulls[i]) total += toast_raw_datum_size(texts.values[i]);
  }
  Document document = NewDocument(total);
  Size left = kMaxDocumentBytes;
  uint32 position = 0;
  for (int i = 0; i < texts.count; ++i) {
    if (texts.nulls[i]) continue;
    const text *const value = DatumGetTextPP(texts.values[i]);
    const char *const bytes = VARDATA_ANY(value);
    Size size = VARSIZE_ANY_EXHDR(value);
    if (size > left) size = static_cast<Size>(pg_mbcliplen(bytes, static_cast<int>(size), static_cast<int>(left)));
    left -= size;
    uint32 const start = position == 0 ? 0 : position + kColumnGap;
    uint32 const end = AddColumn(document, analyzer, {bytes, size}, weights[i], i + 1, start);
    if (end > start) position = end;
  }
  if (document.count > 0) AddLanguageMark(document, analyzer);
  return MakeVector(document);
}

} // namespace

} // namespace itemize

ITEMIZE_FUNCTION(itemize_document) {
  return itemize::Entry([&] {
    itemize::RequireUtf8();
    itemize::UseLanguages();
    itemize::Texts texts = {};
    if (!PG_ARGISNULL(2)) texts = itemize::ReadTexts(PG_GETARG_ARRAYTYPE_P(2));
    if (PG_ARGISNULL(1)) {
      ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("itemize.document needs weights"),
                      errhint("Give a letter from A to D for each text.")));
    }
    const text *const weights = PG_GETARG_TEXT_PP(1);
    itemize::CheckWeights(VARDATA_ANY(weights), static_cast<int>(VARSIZE_ANY_EXHDR(weights)), texts.count);
    const text *const tag = PG_ARGISNULL(0) ? nullptr : PG_GETARG_TEXT_PP(0);
    const itemize::Analyzer *const analyzer =
        tag == nullptr ? itemize::FindAnalyzer(nullptr, 0)
                       : itemize::FindAnalyzer(VARDATA_ANY(tag), static_cast<int>(VARSIZE_ANY_EXHDR(tag)));
    PG_RETURN_TSVECTOR(itemize::MakeDocument(*analyzer, VARDATA_ANY(weights), texts));
  });
}
