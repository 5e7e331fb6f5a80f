// The SQL functions that change itemize.language and itemize.synonym, and what tells all sessions of a change.
#include <cstring>

#include "boundary/entry.hpp"
#include "boundary/version_check.hpp"
#include "search/text/languages.hpp"
#include "search/text/synonyms.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "catalog/namespace.h"
#include "catalog/pg_ts_config.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "utils/inval.h"
#include "utils/varlena.h"
}

namespace itemize {

namespace {

const char *RequiredArgument(FunctionCallInfo fcinfo, int number, const char *name) {
  if (PG_ARGISNULL(number)) {
    ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not be null", name)));
  }
  return text_to_cstring(PG_GETARG_TEXT_PP(number));
}

/// A tag in lower case with hyphens; refuses what is none.
const char *RequiredTag(FunctionCallInfo fcinfo, int number) {
  const char *const given = RequiredArgument(fcinfo, number, "tag");
  char *const tag = pstrdup(given);
  bool is_tag = std::strlen(tag) < 64;
  bool is_start = true; // of a subtag
  for (char *at = tag; *at != '\0'; ++at) {
    *at = *at == '_' ? '-' : static_cast<char>(pg_ascii_tolower(static_cast<unsigned char>(*at)));
    bool const is_hyphen = *at == '-';
    bool const is_sign = (*at >= 'a' && *at <= 'z') || (*at >= '0' && *at <= '9');
    if (is_hyphen ? is_start : !is_sign) is_tag = false;
    is_start = is_hyphen;
  }
  if (is_tag && !is_start) return tag;
  ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("\"%s\" is no language tag", given),
                  errhint("Language tags (BCP 47) are like en, pt-BR or sr-Latn.")));
}

/// The configuration's name with its schema.
const char *RequiredConfiguration(FunctionCallInfo fcinfo, int number) {
  const char *const given = RequiredArgument(fcinfo, number, "configuration");
  List *const names = textToQualifiedNameList(PG_GETARG_TEXT_PP(number));
  Oid const oid = get_ts_config_oid(names, true);
  HeapTuple const tuple = OidIsValid(oid) ? SearchSysCache1(TSCONFIGOID, ObjectIdGetDatum(oid)) : nullptr;
  if (!HeapTupleIsValid(tuple)) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("there is no text search configuration \"%s\"", given),
                    errhint("CREATE TEXT SEARCH CONFIGURATION makes one; \\dF in psql lists those that there are.")));
  }
  auto *const form = reinterpret_cast<Form_pg_ts_config>(GETSTRUCT(tuple));
  const char *const name =
      quote_qualified_identifier(get_namespace_name(form->cfgnamespace), pstrdup(NameStr(form->cfgname)));
  ReleaseSysCache(tuple);
  return name;
}

/// Runs a statement as the caller; returns the number of rows.
uint64 RunStatement(const char *sql, int count, const Oid *types, const Datum *values) {
  SPI_connect();
  int const result =
      SPI_execute_with_args(sql, count, const_cast<Oid *>(types), const_cast<Datum *>(values), nullptr, false, 0);
  if (result < 0) elog(ERROR, "could not change the languages: %s", SPI_result_code_string(result));
  uint64 const rows = SPI_processed;
  SPI_finish();
  return rows;
}

void NoticeRowsKeepTheirWords(const char *tag) {
  ereport(NOTICE, (errmsg("rows of language \"%s\" keep the words that they were indexed with", tag),
                   errhint("REINDEX the text indexes of tables that have such rows; where a generated column has the "
                           "document, UPDATE the rows.")));
}

bool IsSameReading(const Analyzer *before, const Analyzer *after) {
  return std::strcmp(before->configuration, after->configuration) == 0;
}

/// Runs the statement, and says so when words of the tag are read otherwise from now on.
uint64 ChangeLanguage(const char *tag, const char *sql, int count, const Oid *types, const Datum *values) {
  UseLanguages();
  int const size = static_cast<int>(std::strlen(tag));
  Analyzer before = *FindAnalyzer(tag, size);
  before.configuration = pstrdup(before.configuration);
  uint64 const rows = RunStatement(sql, count, types, values);
  UseLanguages();
  if (!IsSameReading(&before, FindAnalyzer(tag, size))) NoticeRowsKeepTheirWords(tag);
  return rows;
}

} // namespace

} // namespace itemize

ITEMIZE_FUNCTION(itemize_add_language) {
  return itemize::Entry([&]() -> Datum {
    itemize::CheckLibraryVersion();
    const char *const tag = itemize::RequiredTag(fcinfo, 0);
    const char *const configuration = itemize::RequiredConfiguration(fcinfo, 1);
    Oid const types[] = {TEXTOID, TEXTOID};
    Datum const values[] = {CStringGetTextDatum(tag), CStringGetTextDatum(configuration)};
    (void)itemize::ChangeLanguage(tag,
                                  "INSERT INTO itemize.language (tag, configuration) VALUES ($1, $2) "
                                  "ON CONFLICT (tag, built_in) DO UPDATE SET configuration = EXCLUDED.configuration",
                                  2, types, values);
    PG_RETURN_VOID();
  });
}

ITEMIZE_FUNCTION(itemize_remove_language) {
  return itemize::Entry([&]() -> Datum {
    itemize::CheckLibraryVersion();
    const char *const tag = itemize::RequiredTag(fcinfo, 0);
    Oid const types[] = {TEXTOID};
    Datum const values[] = {CStringGetTextDatum(tag)};
    PG_RETURN_BOOL(itemize::ChangeLanguage(
                       tag, "DELETE FROM itemize.language WHERE tag OPERATOR(pg_catalog.=) $1 AND NOT built_in", 1,
                       types, values) > 0);
  });
}

ITEMIZE_FUNCTION(itemize_add_synonym) {
  return itemize::Entry([&]() -> Datum {
    itemize::CheckLibraryVersion();
    Oid const types[] = {TEXTOID, TEXTOID, TEXTOID, BOOLOID};
    Datum const values[] = {CStringGetTextDatum(itemize::RequiredTag(fcinfo, 0)),
                            CStringGetTextDatum(itemize::RequiredArgument(fcinfo, 1, "word")),
                            CStringGetTextDatum(itemize::RequiredArgument(fcinfo, 2, "synonym")),
                            BoolGetDatum(!PG_ARGISNULL(3) && PG_GETARG_BOOL(3))};
    (void)itemize::RunStatement("INSERT INTO itemize.synonym (tag, word, synonym, one_way) VALUES ($1, $2, $3, $4) "
                                "ON CONFLICT (tag, word, synonym) DO UPDATE SET one_way = EXCLUDED.one_way",
                                4, types, values);
    PG_RETURN_VOID();
  });
}

ITEMIZE_FUNCTION(itemize_remove_synonym) {
  return itemize::Entry([&]() -> Datum {
    itemize::CheckLibraryVersion();
    Oid const types[] = {TEXTOID, TEXTOID, TEXTOID};
    Datum const values[] = {CStringGetTextDatum(itemize::RequiredTag(fcinfo, 0)),
                            CStringGetTextDatum(itemize::RequiredArgument(fcinfo, 1, "word")),
                            CStringGetTextDatum(itemize::RequiredArgument(fcinfo, 2, "synonym"))};
    PG_RETURN_BOOL(itemize::RunStatement("DELETE FROM itemize.synonym WHERE tag OPERATOR(pg_catalog.=) $1 "
                                         "AND word OPERATOR(pg_catalog.=) $2 AND synonym OPERATOR(pg_catalog.=) $3",
                                         3, types, values) > 0);
  });
}

/// Trigger: sessions forget what they keep of the table, when the change is committed; this one at once.
ITEMIZE_FUNCTION(itemize_languages_changed) {
  return itemize::Entry([&]() -> Datum {
    if (!CALLED_AS_TRIGGER(fcinfo)) {
      ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                      errmsg("itemize.languages_changed is a trigger function of itemize's own tables")));
    }
    const auto *const trigger = reinterpret_cast<const TriggerData *>(fcinfo->context);
    CacheInvalidateRelcache(trigger->tg_relation);
    return PointerGetDatum(nullptr);
  });
}
