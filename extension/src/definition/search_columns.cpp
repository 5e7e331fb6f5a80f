#include "definition/search_columns.hpp"

#include <cstring>

#include "definition/column_rules.hpp"
#include "definition/source_table.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "catalog/pg_attribute.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "parser/parse_coerce.h"
#include "utils/typcache.h"
}

namespace itemize {

namespace {

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsLetterOrDigit(char c) { return IsLetter(c) || (c >= '0' && c <= '9'); }

/// Whether a table of ours has a row whose first column, by which an index of it begins, is the text.
bool HasRow(const char *table_name, const char *index_name, const char *first) {
  DefinitionCatalog catalog;
  if (!LookUpDefinitionCatalog(catalog)) return false;
  Relation const table = table_open(get_relname_relid(table_name, catalog.schema), AccessShareLock);
  ScanKeyData key;
  ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_TEXTEQ, CStringGetTextDatum(first));
  key.sk_collation = C_COLLATION_OID;
  SysScanDesc scan = systable_beginscan(table, get_relname_relid(index_name, catalog.schema), true, nullptr, 1, &key);
  bool const found = HeapTupleIsValid(systable_getnext(scan));
  systable_endscan(scan);
  table_close(table, AccessShareLock);
  return found;
}

/// What speaks against a type, in no words of the column: a hint, or null.
const char *HintAgainstText(Oid type) {
  if (IsTextType(type)) return nullptr;
  return "Words are searched in columns of type text, varchar, character, name or citext. Add one that has the words, "
         "generated from this one or kept by a trigger, and name it instead.";
}

const char *HintAgainstLanguage(Oid type) {
  if (IsTextType(type)) return nullptr;
  return "A column of languages has tags such as en or pt-BR as text. Add one of type text, or name one language for "
         "all rows, as in language => 'en'.";
}

const char *HintAgainstCurrency(Oid type) {
  if (IsTextType(type)) return nullptr;
  return "A column of currencies has ISO 4217 codes such as EUR as text. Add one of type text, or name one currency "
         "for "
         "all rows, as in currency => 'EUR'.";
}

const char *HintAgainstPrice(Oid type) {
  switch (getBaseType(type)) {
  case INT2OID:
  case INT4OID:
  case INT8OID:
  case NUMERICOID: return nullptr;
  case FLOAT4OID:
  case FLOAT8OID:
  case CASHOID:
    return "Prices are compared exactly, in any currency: binary fractions and money cannot be. Change the column, as "
           "in: ALTER TABLE ... ALTER COLUMN ... TYPE numeric(12,2) USING ...::numeric.";
  default: return "A price is a numeric, smallint, integer or bigint in units of its currency (not cents).";
  }
}

const char *HintAgainstChanged(Oid type) {
  switch (getBaseType(type)) {
  case TIMESTAMPTZOID:
  case TIMESTAMPOID:
  case DATEOID: return nullptr;
  default: return "The moment of an item's last change is a timestamptz, a timestamp or a date.";
  }
}

const char *HintAgainstLocation(Oid type, int32 typmod) {
  switch (PostgisTypeOf(getBaseTypeAndTypmod(type, &typmod))) {
  case PostgisType::kGeography:
    if (SridOf(typmod) == 0 || SridOf(typmod) == kGeoJsonSrid) return nullptr;
    break;
  case PostgisType::kGeometry:
    if (SridOf(typmod) == kGeoJsonSrid) return nullptr;
    break;
  default: break;
  }
  return "A place is a geography, or a geometry whose type says SRID 4326 (longitude and latitude), as distances are "
         "in "
         "metres. Change the column, as in: ALTER TABLE ... ALTER COLUMN ... TYPE geometry(Geometry, 4326) USING "
         "ST_Transform(..., 4326) (ST_SetSRID where it has no SRID).";
}

/// Owners, parents and facets are compared for equality, and facets are counted by value.
const char *HintAgainstEquality(Oid type) {
  const TypeCacheEntry *const entry = lookup_type_cache(type, TYPECACHE_EQ_OPR);
  if (OidIsValid(entry->eq_opr)) return nullptr;
  return "Its type has no equality, by which its values could be found and counted. Use another type (jsonb for json), "
         "or a generated column with the part of it that matters.";
}

const char *HintAgainst(ColumnPurpose purpose, Oid type, int32 typmod) {
  switch (purpose) {
  case ColumnPurpose::kText: return HintAgainstText(type);
  case ColumnPurpose::kLanguage: return HintAgainstLanguage(type);
  case ColumnPurpose::kLocation: return HintAgainstLocation(type, typmod);
  case ColumnPurpose::kPrice: return HintAgainstPrice(type);
  case ColumnPurpose::kCurrency: return HintAgainstCurrency(type);
  case ColumnPurpose::kChanged: return HintAgainstChanged(type);
  case ColumnPurpose::kFacet:
  case ColumnPurpose::kOwner:
  case ColumnPurpose::kParent: return HintAgainstEquality(type);
  case ColumnPurpose::kKey:
  case ColumnPurpose::kField:
  case ColumnPurpose::kCacheControl: break;
  }
  return nullptr;
}

} // namespace

const char *ArgumentOf(ColumnPurpose purpose) {
  if (purpose == ColumnPurpose::kField) return "fields";
  return purpose == ColumnPurpose::kFacet ? "facets" : PurposeName(purpose);
}

bool IsTextType(Oid type) {
  Oid const base = getBaseType(type);
  return base == TEXTOID || base == BPCHAROID || base == NAMEOID || IsBinaryCoercible(base, TEXTOID);
}

bool IsLanguageTag(const char *tag) {
  const char *part = tag;
  for (bool is_first = true;; is_first = false) {
    int length = 0;
    bool letters_only = true;
    for (; IsLetterOrDigit(part[length]); ++length)
      letters_only = letters_only && IsLetter(part[length]);
    if (length == 0 || length > 8) return false;
    if (is_first && (length < 2 || length > 3 || !letters_only)) return false;
    if (part[length] == '\0') return true;
    if (part[length] != '-') return false;
    part += length + 1;
  }
}

bool HasConfiguration(const char *tag) {
  char *const variety = pstrdup(tag);
  for (char *c = variety; *c != '\0'; ++c)
    *c = *c >= 'A' && *c <= 'Z' ? static_cast<char>(*c - 'A' + 'a') : *c;
  while (!HasRow("language", "language_pkey", variety)) {
    char *const last = std::strrchr(variety, '-');
    if (last == nullptr) return false;
    *last = '\0';
  }
  return true;
}

bool IsCurrency(const char *code) { return HasRow("currency", "currency_pkey", code); }

Problem FindSearchColumnProblem(Relation table, AttrNumber column, ColumnPurpose purpose) {
  Form_pg_attribute attribute = TupleDescAttr(RelationGetDescr(table), column - 1);
  const char *const name = quote_identifier(NameStr(attribute->attname));
  if (attribute->attgenerated != '\0' && attribute->attgenerated != ATTRIBUTE_GENERATED_STORED) {
    return {ERRCODE_FEATURE_NOT_SUPPORTED,
            psprintf("column %s of table %s cannot be used for \"%s\": it is generated when it is read", name,
                     TableLabel(table), ArgumentOf(purpose)),
            "Make the generated column STORED: what is searched must be indexed."};
  }
  const char *const hint = HintAgainst(purpose, attribute->atttypid, attribute->atttypmod);
  if (hint == nullptr) return kNoProblem;
  return {ERRCODE_DATATYPE_MISMATCH,
          psprintf("column %s of table %s cannot be used for \"%s\": its type is %s", name, TableLabel(table),
                   ArgumentOf(purpose), format_type_with_typemod(attribute->atttypid, attribute->atttypmod)),
          hint};
}

} // namespace itemize
