// itemize.suggest_definition: a call of itemize.define that runs, from what the catalogs know about a table.
#include <cstring>
#include <string_view>

#include "boundary/entry.hpp"
#include "boundary/version_check.hpp"
#include "definition/column_rules.hpp"
#include "definition/definition_store.hpp"
#include "definition/names.hpp"
#include "definition/search_suggestion.hpp"
#include "definition/source_table.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "catalog/pg_class.h"
#include "commands/comment.h"
}

namespace itemize {

/// Comments and names are written by whoever owns the table: a line of theirs must not become a line of SQL of ours.
const char *OneLine(const char *text) {
  char *const line = pstrdup(text);
  for (char *c = line; *c != '\0'; ++c) {
    if (static_cast<unsigned char>(*c) < ' ') *c = ' ';
  }
  return line;
}

void AppendElement(StringInfo list, const char *element) {
  if (list->len > 0) appendStringInfoChar(list, ',');
  bool const plain = element[0] != '\0' && std::strpbrk(element, "{},\"\\ \t\n\r\v\f") == nullptr &&
                     pg_strcasecmp(element, "null") != 0;
  if (plain) {
    appendStringInfoString(list, element);
    return;
  }
  appendStringInfoChar(list, '"');
  for (const char *c = element; *c != '\0'; ++c) {
    if (*c == '"' || *c == '\\') appendStringInfoChar(list, '\\');
    appendStringInfoChar(list, *c);
  }
  appendStringInfoChar(list, '"');
}

namespace {

const char *TypeLabel(Form_pg_attribute column) {
  return OneLine(format_type_with_typemod(column->atttypid, column->atttypmod));
}

/// A name of an item type from the table's: small letters, digits and underscores.
const char *SuggestName(Relation table) {
  StringInfoData name;
  initStringInfo(&name);
  for (const char *c = RelationGetRelationName(table); *c != '\0'; ++c) {
    char const lower = *c >= 'A' && *c <= 'Z' ? static_cast<char>(*c - 'A' + 'a') : *c;
    bool const is_letter = lower >= 'a' && lower <= 'z';
    bool const is_digit = lower >= '0' && lower <= '9';
    if (is_digit && name.len == 0) appendStringInfoChar(&name, '_');
    if (is_letter || is_digit) {
      appendStringInfoChar(&name, lower);
    } else if (name.len == 0 || name.data[name.len - 1] != '_') {
      appendStringInfoChar(&name, '_');
    }
  }
  if (name.len > static_cast<int>(kMaxTypeNameBytes)) name.data[kMaxTypeNameBytes] = '\0';
  return name.data;
}

struct Suggestion {
  StringInfoData fields;
  StringInfoData comments;
  SearchSuggestion search;
};

void ConsiderColumn(Relation table, Form_pg_attribute column, Suggestion &suggestion, bool is_key) {
  const char *const name = NameStr(column->attname);
  const char *const stored_comment = GetComment(RelationGetRelid(table), RelationRelationId, column->attnum);
  const char *const comment = stored_comment != nullptr ? OneLine(stored_comment) : "";
  std::string_view const reason = LooksPrivate(name, comment);
  Problem const problem = FindFieldProblem(table, column->attnum);
  if (!reason.empty() || problem.Found()) {
    appendStringInfo(&suggestion.comments, "-- left out: %s %s: %s\n", OneLine(quote_identifier(name)),
                     TypeLabel(column), reason.empty() ? OneLine(problem.message) : reason.data());
    if (is_key) {
      appendStringInfo(&suggestion.comments,
                       "-- but it is part of the key, which names the item to everyone who sees it\n");
    }
    return;
  }
  AppendElement(&suggestion.fields, name);
  suggestion.search.Consider(table, column);
  if (comment[0] != '\0') {
    appendStringInfo(&suggestion.comments, "-- %s %s: %s\n", OneLine(quote_identifier(name)), TypeLabel(column),
                     comment);
  }
}

/// The columns of the primary key, else those of the first unique index that would do as a key; 0 when there is none.
int SuggestKey(Relation table, AttrNumber (&key)[INDEX_MAX_KEYS], const char *&problem_message) {
  int const count = PrimaryKeyColumns(table, key);
  if (count == 0) {
    problem_message = psprintf("table %s has no primary key", TableLabel(table));
    return 0;
  }
  Problem const problem = FindKeyProblem(table, key, count);
  problem_message = problem.message;
  return count;
}

const char *Suggest(const char *source) {
  Relation table = relation_open(FindTable(source, AccessShareLock, false), NoLock);
  RaiseProblem(FindTableProblem(table));
  RaiseProblem(FindPartitionsProblem(table));
  TupleDesc description = RelationGetDescr(table);
  AttrNumber key[INDEX_MAX_KEYS];
  const char *key_problem = nullptr;
  int const key_count = SuggestKey(table, key, key_problem);

  Suggestion suggestion;
  initStringInfo(&suggestion.fields);
  initStringInfo(&suggestion.comments);
  StringInfoData key_list;
  initStringInfo(&key_list);
  for (int i = 0; i < key_count; ++i)
    AppendElement(&key_list, NameStr(TupleDescAttr(description, key[i] - 1)->attname));
  for (int i = 0; i < description->natts; ++i) {
    Form_pg_attribute column = TupleDescAttr(description, i);
    if (column->attisdropped) continue;
    bool is_key = false;
    for (int j = 0; j < key_count; ++j)
      is_key = is_key || key[j] == column->attnum;
    ConsiderColumn(table, column, suggestion, is_key);
  }

  StringInfoData call;
  initStringInfo(&call);
  const char *const table_comment = GetComment(RelationGetRelid(table), RelationRelationId, 0);
  if (table_comment != nullptr)
    appendStringInfo(&call, "-- %s: %s\n", OneLine(TableLabel(table)), OneLine(table_comment));
  if (key_problem != nullptr) appendStringInfo(&call, "-- to be mended before this runs: %s\n", OneLine(key_problem));
  if (suggestion.fields.len == 0)
    appendStringInfoString(&call, "-- to be mended before this runs: no column is left to be a field\n");
  appendStringInfoString(&call, suggestion.comments.data);
  appendStringInfoString(&call, suggestion.search.Comments());
  appendStringInfo(&call, "SELECT itemize.define(%s, %s,\n", quote_literal_cstr(SuggestName(table)),
                   quote_literal_cstr(TableLabel(table)));
  // Without braces, as in key => 'id'; define reads both alike.
  if (key_count > 0) appendStringInfo(&call, "  key => %s,\n", quote_literal_cstr(key_list.data));
  appendStringInfo(&call, "  fields => %s,\n", quote_literal_cstr(psprintf("{%s}", suggestion.fields.data)));
  appendStringInfoString(&call, suggestion.search.Arguments());
  appendStringInfoString(&call, "  read => 'nobody'); -- or 'everyone'");
  relation_close(table, AccessShareLock);
  return call.data;
}

} // namespace

} // namespace itemize

ITEMIZE_FUNCTION(itemize_suggest_definition) {
  return itemize::Entry([&]() -> Datum {
    itemize::CheckLibraryVersion();
    return CStringGetTextDatum(itemize::Suggest(text_to_cstring(PG_GETARG_TEXT_PP(0))));
  });
}
