#include "definition/search_suggestion.hpp"

#include <string_view>

#include "definition/column_rules.hpp"
#include "definition/search_columns.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "utils/json.h"
}

namespace itemize {

namespace {

struct Rule {
  std::string_view column;
  ColumnPurpose purpose;
  char weight; ///< of text
};

constexpr Rule kRules[] = {
    {"name", ColumnPurpose::kText, 'A'},        {"title", ColumnPurpose::kText, 'A'},
    {"headline", ColumnPurpose::kText, 'A'},    {"subtitle", ColumnPurpose::kText, 'B'},
    {"summary", ColumnPurpose::kText, 'B'},     {"abstract", ColumnPurpose::kText, 'B'},
    {"description", ColumnPurpose::kText, 'B'}, {"body", ColumnPurpose::kText, 'C'},
    {"content", ColumnPurpose::kText, 'C'},     {"text", ColumnPurpose::kText, 'C'},
    {"lang", ColumnPurpose::kLanguage, 0},      {"language", ColumnPurpose::kLanguage, 0},
    {"locale", ColumnPurpose::kLanguage, 0},    {"price", ColumnPurpose::kPrice, 0},
    {"currency", ColumnPurpose::kCurrency, 0},  {"currency_code", ColumnPurpose::kCurrency, 0},
    {"owner_id", ColumnPurpose::kOwner, 0},     {"user_id", ColumnPurpose::kOwner, 0},
    {"author_id", ColumnPurpose::kOwner, 0},    {"parent_id", ColumnPurpose::kParent, 0},
    {"updated_at", ColumnPurpose::kChanged, 0}, {"modified_at", ColumnPurpose::kChanged, 0},
    {"changed_at", ColumnPurpose::kChanged, 0}, {"last_modified", ColumnPurpose::kChanged, 0},
    {"category", ColumnPurpose::kFacet, 0},     {"kind", ColumnPurpose::kFacet, 0},
    {"type", ColumnPurpose::kFacet, 0},         {"status", ColumnPurpose::kFacet, 0},
    {"brand", ColumnPurpose::kFacet, 0},        {"color", ColumnPurpose::kFacet, 0},
    {"colour", ColumnPurpose::kFacet, 0},       {"genre", ColumnPurpose::kFacet, 0},
    {"country", ColumnPurpose::kFacet, 0},      {"city", ColumnPurpose::kFacet, 0},
    {"tags", ColumnPurpose::kFacet, 0},
};

bool EndsWith(std::string_view text, std::string_view end) {
  return text.size() > end.size() && text.substr(text.size() - end.size()) == end;
}

/// What a column is for by its name, else by its type; a field stands for nothing of search.
Rule RuleFor(Form_pg_attribute column) {
  std::string_view const name = NameStr(column->attname);
  for (const Rule &rule : kRules) {
    if (rule.column == name) return rule;
  }
  Oid const type = getBaseType(column->atttypid);
  PostgisType const postgis = PostgisTypeOf(type);
  if (postgis == PostgisType::kGeometry || postgis == PostgisType::kGeography) {
    return {name, ColumnPurpose::kLocation, 0};
  }
  bool const is_kind = EndsWith(name, "_type") || EndsWith(name, "_kind") || EndsWith(name, "_category");
  if (is_kind || type == BOOLOID || get_typtype(type) == TYPTYPE_ENUM) return {name, ColumnPurpose::kFacet, 0};
  return {name, ColumnPurpose::kField, 0};
}

int Index(ColumnPurpose purpose) { return static_cast<int>(purpose); }

} // namespace

SearchSuggestion::SearchSuggestion() {
  initStringInfo(&text_);
  initStringInfo(&facets_);
}

void SearchSuggestion::Consider(Relation table, Form_pg_attribute column) {
  Rule const rule = RuleFor(column);
  if (rule.purpose == ColumnPurpose::kField) return;
  if (FindSearchColumnProblem(table, column->attnum, rule.purpose).Found()) return;
  const char *const name = NameStr(column->attname);
  if (rule.purpose == ColumnPurpose::kText) {
    if (text_.len > 0) appendStringInfoString(&text_, ", ");
    escape_json(&text_, name);
    appendStringInfo(&text_, ": \"%c\"", rule.weight);
  } else if (rule.purpose == ColumnPurpose::kFacet) {
    AppendElement(&facets_, name);
  } else if (single_[Index(rule.purpose)] == nullptr) {
    single_[Index(rule.purpose)] = pstrdup(name);
  }
}

const char *SearchSuggestion::Arguments() const {
  StringInfoData lines;
  initStringInfo(&lines);
  auto const append = [&](ColumnPurpose purpose, const char *before, const char *after) {
    const char *const name = single_[Index(purpose)];
    if (name == nullptr) return;
    appendStringInfo(&lines, "%s%s => %s,%s", before, ArgumentOf(purpose), quote_literal_cstr(name), after);
  };
  if (text_.len > 0) {
    bool const has_language = single_[Index(ColumnPurpose::kLanguage)] != nullptr;
    appendStringInfo(&lines, "  text => %s,%s", quote_literal_cstr(psprintf("{%s}", text_.data)),
                     has_language ? "" : "\n");
    append(ColumnPurpose::kLanguage, " ", "\n");
  }
  append(ColumnPurpose::kLocation, "  ", "\n");
  if (single_[Index(ColumnPurpose::kPrice)] != nullptr && single_[Index(ColumnPurpose::kCurrency)] != nullptr) {
    append(ColumnPurpose::kPrice, "  ", "");
    append(ColumnPurpose::kCurrency, " ", "\n");
  }
  if (facets_.len > 0) {
    appendStringInfo(&lines, "  facets => %s,\n", quote_literal_cstr(psprintf("{%s}", facets_.data)));
  }
  append(ColumnPurpose::kOwner, "  ", "\n");
  append(ColumnPurpose::kParent, "  ", "\n");
  append(ColumnPurpose::kChanged, "  ", "\n");
  return lines.data;
}

const char *SearchSuggestion::Comments() const {
  StringInfoData lines;
  initStringInfo(&lines);
  const char *const price = single_[Index(ColumnPurpose::kPrice)];
  if (text_.len > 0 && single_[Index(ColumnPurpose::kLanguage)] == nullptr) {
    appendStringInfoString(&lines, "-- language => 'en', or what the texts are in, finds inflected words too\n");
  }
  if (price != nullptr && single_[Index(ColumnPurpose::kCurrency)] == nullptr) {
    appendStringInfo(&lines, "-- price => %s, currency => 'EUR', or what the prices are in, makes them searchable\n",
                     OneLine(quote_literal_cstr(price)));
  }
  return lines.data;
}

} // namespace itemize
