#include "search/text/query_scope.hpp"

#include <algorithm>
#include <cstring>

#include "boundary/entry.hpp"

#include "boundary/prelude.hpp"

namespace itemize {

namespace {

void AddAnalyzer(QueryScope &scope, const Analyzer *analyzer) {
  auto const end = scope.analyzers.end();
  if (std::find(scope.analyzers.begin(), end, analyzer) == end) scope.analyzers.push_back(analyzer);
}

void AddLanguage(QueryScope &scope, const char *tag) {
  if (tag != nullptr) scope.languages.emplace_back(tag);
  AddAnalyzer(scope, FindAnalyzer(tag, tag == nullptr ? 0 : static_cast<int>(std::strlen(tag))));
}

void AddAllAnalyzers(QueryScope &scope) {
  Analyzers const all = AllAnalyzers();
  scope.analyzers.assign(all.items, all.items + all.count);
}

void AddFields(QueryScope &scope, const SearchDefinition &definition) {
  for (int i = 0; i < definition.text_count; ++i) {
    const SearchText &column = definition.texts[i];
    QueryField field = {NameStr(column.name), column.weight, false, i + 1};
    for (int other = 0; other < definition.text_count; ++other) {
      if (other != i && definition.texts[other].weight == column.weight) field.shares_its_weight = true;
    }
    scope.fields.push_back(field);
  }
}

} // namespace

QueryScope MakeQueryScope(const SearchDefinition &definition, const char *lang) {
  QueryScope scope;
  CallPg([] { UseLanguages(); });
  AddFields(scope, definition);
  if (lang != nullptr) AddLanguage(scope, lang);
  // The rows were read in the definition's language, whatever the visitor's is.
  if (definition.language_column == nullptr) {
    AddLanguage(scope, definition.language);
  } else if (lang == nullptr) {
    AddAllAnalyzers(scope);
  } else {
    AddAnalyzer(scope, FindAnalyzer(nullptr, 0)); // rows whose language has no configuration
  }
  return scope;
}

QueryScope MakeQueryScope(const char *lang) {
  QueryScope scope;
  CallPg([] { UseLanguages(); });
  if (lang != nullptr) {
    AddLanguage(scope, lang);
  } else {
    AddAllAnalyzers(scope);
  }
  return scope;
}

} // namespace itemize
