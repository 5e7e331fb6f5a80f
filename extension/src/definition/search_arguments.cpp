// What itemize.define is told of search.
#include "definition/column_arguments.hpp"

#include <cstring>

#include "definition/cache_control.hpp"
#include "definition/search_columns.hpp"
#include "definition/source_table.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "utils/jsonb.h"
}

namespace itemize {

namespace {

void Add(SearchColumns &search, ColumnPurpose purpose, const DefinitionColumn &column, const char *detail) {
  SearchColumn &added = search.items[search.count++];
  added = {purpose, column.name, column.attnum, detail};
}

const char *CopyString(const JsonbValue &value) {
  return pnstrdup(value.val.string.val, static_cast<Size>(value.val.string.len));
}

[[noreturn]] void RefuseText(const char *what) {
  ereport(ERROR,
          (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("argument \"text\" %s", what),
           errhint("Name columns with their weights, as in text => '{\"name\": \"A\", \"description\": \"B\"}', or, "
                   "the most important first, as in text => '[\"name\", \"description\"]'. Weights are A "
                   "(most), B, C and D.")));
}

struct WeightedNames {
  ColumnNames columns;
  char *weights; ///< one of A to D each
};

char WeightOf(const JsonbValue &value, const char *column) {
  if (value.type == jbvString && value.val.string.len == 1) {
    char const weight = value.val.string.val[0];
    if (weight >= 'A' && weight <= 'D') return weight;
  }
  RefuseText(psprintf("has no weight A, B, C or D for the column \"%s\"", column));
}

/// The first column of a list is the most important one; from the fourth on all weigh alike.
char WeightOfPlace(int place) { return static_cast<char>('A' + Min(place, 3)); }

WeightedNames ReadText(Jsonb *text) {
  Size const most = JB_ROOT_COUNT(text);
  WeightedNames result = {};
  result.columns.names = static_cast<char **>(palloc0(sizeof(char *) * (most + 1)));
  result.weights = static_cast<char *>(palloc0(most + 1));
  JsonbIterator *iterator = JsonbIteratorInit(&text->root);
  JsonbValue value;
  const char *column = nullptr;
  for (JsonbIteratorToken token = JsonbIteratorNext(&iterator, &value, true); token != WJB_DONE;
       token = JsonbIteratorNext(&iterator, &value, true)) {
    if (token == WJB_KEY) {
      column = CopyString(value);
      continue;
    }
    if (token != WJB_VALUE && token != WJB_ELEM) continue;
    if (token == WJB_ELEM && value.type != jbvString) RefuseText("has an element that is no column's name");
    int const place = result.columns.count++;
    result.weights[place] = token == WJB_VALUE ? WeightOf(value, column) : WeightOfPlace(place);
    result.columns.names[place] = pstrdup(token == WJB_VALUE ? column : CopyString(value));
  }
  return result;
}

/// Columns in the order of their weights; of the same weight, those of a list in its order, and those of an object,
/// whose keys have none, in the table's.
void AddText(FunctionCallInfo fcinfo, Relation table, SearchColumns &search) {
  Jsonb *const text = PG_GETARG_JSONB_P(kDefineText);
  bool const is_list = JB_ROOT_IS_ARRAY(text);
  WeightedNames const names = ReadText(text);
  DefinitionColumn *const columns = ResolveColumns(table, names.columns, "text", kMaxTextColumns);
  for (char weight = 'A'; weight <= 'D'; ++weight) {
    int const first_of_weight = search.count;
    for (int i = 0; i < names.columns.count; ++i) {
      if (names.weights[i] != weight) continue;
      RaiseProblem(FindSearchColumnProblem(table, columns[i].attnum, ColumnPurpose::kText));
      Add(search, ColumnPurpose::kText, columns[i], psprintf("%c", weight));
      if (is_list) continue;
      for (int j = search.count - 1; j > first_of_weight && search.items[j].attnum < search.items[j - 1].attnum; --j) {
        SearchColumn const later = search.items[j];
        search.items[j] = search.items[j - 1];
        search.items[j - 1] = later;
      }
    }
  }
}

const char *TextArgument(FunctionCallInfo fcinfo, DefineArgument argument) {
  return PG_ARGISNULL(argument) ? nullptr : text_to_cstring(PG_GETARG_TEXT_PP(argument));
}

bool AddColumn(FunctionCallInfo fcinfo, Relation table, DefineArgument argument, ColumnPurpose purpose,
               SearchColumns &search) {
  const char *const name = TextArgument(fcinfo, argument);
  if (name == nullptr) return false;
  char *names[] = {pstrdup(name)};
  DefinitionColumn const column = *ResolveColumns(table, {names, 1}, ArgumentOf(purpose), 1);
  RaiseProblem(FindSearchColumnProblem(table, column.attnum, purpose));
  Add(search, purpose, column, nullptr);
  return true;
}

/// A column of the table, or else a constant for all rows.
bool AddColumnOrConstant(FunctionCallInfo fcinfo, Relation table, DefineArgument argument, ColumnPurpose purpose,
                         bool (*is_constant)(const char *), const char *example, SearchColumns &search) {
  const char *const value = TextArgument(fcinfo, argument);
  if (value == nullptr) return false;
  if (get_attnum(RelationGetRelid(table), value) != InvalidAttrNumber) {
    return AddColumn(fcinfo, table, argument, purpose, search);
  }
  if (!is_constant(value)) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                    errmsg("argument \"%s\" is \"%s\", which is neither a column of table %s nor %s",
                           ArgumentOf(purpose), value, TableLabel(table), example),
                    errhint("Name the column that has it for each row, in which capitals count, or the one value that "
                            "all rows have.")));
  }
  Add(search, purpose, {}, value);
  return true;
}

void AddFacets(FunctionCallInfo fcinfo, Relation table, SearchColumns &search) {
  if (PG_ARGISNULL(kDefineFacets)) return;
  ColumnNames const names = NamesOfArray(PG_GETARG_ARRAYTYPE_P(kDefineFacets), "facets");
  const DefinitionColumn *const columns = ResolveColumns(table, names, "facets", kMaxFacets);
  for (int i = 0; i < names.count; ++i) {
    RaiseProblem(FindSearchColumnProblem(table, columns[i].attnum, ColumnPurpose::kFacet));
    Add(search, ColumnPurpose::kFacet, columns[i], nullptr);
  }
}

/// Of a language without a configuration (Japanese, Thai, ...) words are found as they are written. It may be a slip,
/// too.
void NoteUnknownLanguage(const SearchColumns &search) {
  for (int i = 0; i < search.count; ++i) {
    const SearchColumn &column = search.items[i];
    if (column.purpose != ColumnPurpose::kLanguage || column.detail == nullptr) continue;
    if (std::strcmp(column.detail, "und") == 0 || HasConfiguration(column.detail)) continue;
    ereport(NOTICE, (errmsg("itemize.language has no configuration for \"%s\": words are found as they are written",
                            column.detail),
                     errhint("SELECT * FROM itemize.language lists the languages whose inflected words are found; "
                             "itemize.add_language adds one.")));
  }
}

[[noreturn]] void RefuseAlone(const char *argument, const char *missing, const char *hint) {
  ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                  errmsg("argument \"%s\" means nothing without \"%s\"", argument, missing), errhint("%s", hint)));
}

} // namespace

SearchColumns ResolveSearch(FunctionCallInfo fcinfo, Relation table) {
  constexpr Size kMost = kMaxTextColumns + kMaxFacets + kColumnPurposes;
  SearchColumns search = {0, static_cast<SearchColumn *>(palloc0(sizeof(SearchColumn) * kMost))};
  bool const has_text = !PG_ARGISNULL(kDefineText);
  if (has_text) AddText(fcinfo, table, search);
  bool const has_language = AddColumnOrConstant(fcinfo, table, kDefineLanguage, ColumnPurpose::kLanguage, IsLanguageTag,
                                                "a language tag such as en or pt-BR", search);
  if (has_language && !has_text) {
    RefuseAlone("language", "text", "Name the columns that are searched with text => '...'.");
  }
  NoteUnknownLanguage(search);
  (void)AddColumn(fcinfo, table, kDefineLocation, ColumnPurpose::kLocation, search);
  bool const has_price = AddColumn(fcinfo, table, kDefinePrice, ColumnPurpose::kPrice, search);
  bool const has_currency = AddColumnOrConstant(fcinfo, table, kDefineCurrency, ColumnPurpose::kCurrency, IsCurrency,
                                                "a code that itemize.currency has, such as EUR", search);
  if (has_price && !has_currency) {
    RefuseAlone("price", "currency",
                "Name the column that has each price's currency, or the one currency of all, as in currency => 'EUR'.");
  }
  if (has_currency && !has_price) RefuseAlone("currency", "price", "Name the column of prices with price => '...'.");
  AddFacets(fcinfo, table, search);
  (void)AddColumn(fcinfo, table, kDefineOwner, ColumnPurpose::kOwner, search);
  (void)AddColumn(fcinfo, table, kDefineParent, ColumnPurpose::kParent, search);
  (void)AddColumn(fcinfo, table, kDefineChanged, ColumnPurpose::kChanged, search);
  if (const char *const text = TextArgument(fcinfo, kDefineCacheControl)) {
    const char *const read = TextArgument(fcinfo, kDefineRead);
    Add(search, ColumnPurpose::kCacheControl, {}, CanonicalCacheControl(text, read));
  }
  return search;
}

} // namespace itemize
