// itemize.define and itemize.undefine.
//
// No C++ object with a destructor lives here, so errors are raised directly (CPP_IN_POSTGRES rule 4).
#include <cstring>

#include "boundary/entry.hpp"
#include "boundary/version_check.hpp"
#include "definition/cache_control.hpp"
#include "definition/column_arguments.hpp"
#include "definition/column_rules.hpp"
#include "definition/definition_store.hpp"
#include "definition/names.hpp"
#include "definition/partitions.hpp"
#include "definition/read_access.hpp"
#include "definition/search_columns.hpp"
#include "definition/search_index.hpp"
#include "definition/source_table.hpp"
#include "itemize/internal_types.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "mb/pg_wchar.h"
#include "utils/acl.h"
}

namespace itemize {

namespace {

void RefuseUnbuiltArgument(FunctionCallInfo fcinfo, DefineArgument argument, const char *argument_name) {
  if (PG_ARGISNULL(argument)) return;
  ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                  errmsg("argument \"%s\" of itemize.define is not available in this version yet", argument_name),
                  errhint("Leave it out: itemize stores nothing that it does not act on.")));
}

const char *RequiredText(FunctionCallInfo fcinfo, DefineArgument argument, const char *argument_name) {
  if (PG_ARGISNULL(argument)) {
    ereport(ERROR,
            (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("argument \"%s\" must not be null", argument_name)));
  }
  return text_to_cstring(PG_GETARG_TEXT_PP(argument));
}

/// Those that only the sidecars read stay as the extension made them.
void CheckNotInternal(const char *name) {
  if (!IsInternalType(name)) return;
  ereport(ERROR, (errcode(ERRCODE_RESERVED_NAME), errmsg("item type \"%s\" is the extension's own", name),
                  errhint("Choose another name for a type of yours.")));
}

void CheckTypeName(const char *name) {
  if (IsTypeName(name)) return CheckNotInternal(name);
  ereport(ERROR,
          (errcode(ERRCODE_INVALID_NAME), errmsg("\"%s\" is no name for an item type", name),
           errhint("Names are 1 to %d characters: small letters a-z, digits and underscores, not beginning with a "
                   "digit.",
                   static_cast<int>(kMaxTypeNameBytes))));
}

/// `a,b` is read as the array `{a,b}`, so that both are written and quoted alike.
ColumnNames NamesOfKey(const char *key) {
  const char *const literal = key[std::strspn(key, " ")] == '{' ? key : psprintf("{%s}", key);
  Datum const array = OidInputFunctionCall(F_ARRAY_IN, pstrdup(literal), TEXTOID, -1);
  return NamesOfArray(DatumGetArrayTypeP(array), "key");
}

void ResolveKey(FunctionCallInfo fcinfo, Relation table, ItemDefinition &definition) {
  ColumnNames names = {nullptr, 0};
  if (!PG_ARGISNULL(kDefineKey)) {
    names = NamesOfKey(text_to_cstring(PG_GETARG_TEXT_PP(kDefineKey)));
  } else {
    AttrNumber columns[INDEX_MAX_KEYS];
    names.count = PrimaryKeyColumns(table, columns);
    if (names.count == 0) {
      ereport(ERROR,
              (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
               errmsg("table %s has no primary key that itemize can use", TableLabel(table)),
               errhint("Give it one that is not deferrable, or name other columns that are unique and not null with "
                       "key => '...', and a replica identity that covers them.")));
    }
    names.names = static_cast<char **>(palloc(sizeof(char *) * static_cast<Size>(names.count)));
    for (int i = 0; i < names.count; ++i)
      names.names[i] = get_attname(RelationGetRelid(table), columns[i], false);
  }
  definition.keys = ResolveColumns(table, names, "key", kMaxKeyColumns);
  definition.key_count = names.count;
  AttrNumber key[kMaxKeyColumns];
  for (int i = 0; i < definition.key_count; ++i)
    key[i] = definition.keys[i].attnum;
  RaiseProblem(FindKeyProblem(table, key, definition.key_count));
}

void ResolveFields(FunctionCallInfo fcinfo, Relation table, ItemDefinition &definition) {
  if (PG_ARGISNULL(kDefineFields)) {
    ereport(ERROR,
            (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("argument \"fields\" is required"),
             errhint("Name the columns that readers of the item get. SELECT itemize.suggest_definition(%s) proposes "
                     "a whole call.",
                     quote_literal_cstr(TableLabel(table)))));
  }
  ColumnNames const names = NamesOfArray(PG_GETARG_ARRAYTYPE_P(kDefineFields), "fields");
  definition.fields = ResolveColumns(table, names, "fields", kMaxFields);
  definition.field_count = names.count;
  for (int i = 0; i < names.count; ++i)
    RaiseProblem(FindFieldProblem(table, definition.fields[i].attnum));
}

/// With read => 'owner': the field that says whose an item is.
void ResolveOwner(Relation table, const SearchColumns &search, ItemDefinition &definition) {
  const SearchColumn *owner = nullptr;
  for (int i = 0; i < search.count; ++i) {
    if (search.items[i].purpose == ColumnPurpose::kOwner) owner = &search.items[i];
  }
  if (owner == nullptr) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("read => 'owner' needs the argument \"owner\""),
                    errhint("Name the column whose value is the subject (sub) of its owner's tokens.")));
  }
  for (int i = 0; i < definition.field_count && definition.owner == nullptr; ++i) {
    if (definition.fields[i].attnum == owner->attnum) definition.owner = &definition.fields[i];
  }
  if (definition.owner == nullptr) {
    ereport(
        ERROR,
        (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
         errmsg("with read => 'owner' the owner %s must be one of the fields", quote_identifier(NameStr(owner->name))),
         errhint("Add it to \"fields\". Nobody but the owner is shown an item, so it tells him only who he is.")));
  }
  RaiseProblem(FindOwnerProblem(table, owner->attnum));
}

const char *OldColumns(const StoredDefinition &old, ColumnPurpose purpose) {
  StringInfoData list;
  initStringInfo(&list);
  for (int i = 0; i < old.column_count; ++i) {
    if (old.columns[i].purpose != purpose) continue;
    appendStringInfo(&list, "%s%s", list.len == 0 ? "" : ", ", quote_identifier(NameStr(old.columns[i].name)));
  }
  return psprintf("(%s)", list.data);
}

const char *NewColumns(const DefinitionColumn *columns, int count) {
  StringInfoData list;
  initStringInfo(&list);
  for (int i = 0; i < count; ++i) {
    appendStringInfo(&list, "%s%s", i == 0 ? "" : ", ", quote_identifier(NameStr(columns[i].name)));
  }
  return psprintf("(%s)", list.data);
}

void AppendDifference(StringInfo list, const char *what, const char *old_value, const char *new_value) {
  if (std::strcmp(old_value, new_value) == 0) return;
  appendStringInfo(list, "%s%s %s, asked for %s", list->len == 0 ? "" : "; ", what, old_value, new_value);
}

/// In which the items of the old definition differ from those of the new one; empty when they are the same.
const char *ItemDifferences(const StoredDefinition &old, const ItemDefinition &definition,
                            const SearchColumns &search) {
  StringInfoData list;
  initStringInfo(&list);
  if (old.source != definition.source) {
    AppendDifference(&list, "source", LabelOfTable(old.source), LabelOfTable(definition.source));
  }
  AppendDifference(&list, "key", OldColumns(old, ColumnPurpose::kKey),
                   NewColumns(definition.keys, definition.key_count));
  AppendDifference(&list, "fields", OldColumns(old, ColumnPurpose::kField),
                   NewColumns(definition.fields, definition.field_count));
  AppendDifference(&list, "read", NameStr(old.read), NameStr(definition.read));
  // Who owns an item decides who is told of it: then it is more than a column to search by.
  if (definition.owner != nullptr) {
    AppendDifference(&list, "owner", OldColumns(old, ColumnPurpose::kOwner), NewColumns(definition.owner, 1));
  }
  const auto shown = [](const char *directives) {
    return directives == nullptr ? "(none)" : quote_literal_cstr(directives);
  };
  AppendDifference(&list, "cache_control", shown(StoredCacheControl(old)), shown(CacheControlAmong(search)));
  return list.data;
}

/// A column as its argument could have it: `name A`, `lang`, `'en'`.
void AppendSearchColumn(StringInfo list, const NameData &name, const char *detail) {
  bool const is_constant = NameStr(name)[0] == '\0';
  appendStringInfo(list, "%s%s", list->len == 0 ? "" : ", ",
                   is_constant ? quote_literal_cstr(detail) : quote_identifier(NameStr(name)));
  if (!is_constant && detail != nullptr) appendStringInfo(list, " %s", detail);
}

/// In which the old definition is searched otherwise than the new one.
const char *SearchDifferences(const StoredDefinition &old, const SearchColumns &search) {
  StringInfoData list;
  initStringInfo(&list);
  for (int p = 0; p < kColumnPurposes; ++p) {
    auto const purpose = static_cast<ColumnPurpose>(p);
    if (purpose == ColumnPurpose::kKey || purpose == ColumnPurpose::kField || purpose == ColumnPurpose::kCacheControl)
      continue;
    StringInfoData before;
    StringInfoData after;
    initStringInfo(&before);
    initStringInfo(&after);
    for (int i = 0; i < old.column_count; ++i) {
      const StoredColumn &column = old.columns[i];
      if (column.purpose == purpose) AppendSearchColumn(&before, column.name, column.detail);
    }
    for (int i = 0; i < old.constant_count; ++i) {
      const StoredColumn &constant = old.constants[i];
      if (constant.purpose == purpose) AppendSearchColumn(&before, constant.name, constant.detail);
    }
    for (int i = 0; i < search.count; ++i) {
      const SearchColumn &column = search.items[i];
      if (column.purpose == purpose) AppendSearchColumn(&after, column.name, column.detail);
    }
    AppendDifference(&list, ArgumentOf(purpose), psprintf("(%s)", before.data), psprintf("(%s)", after.data));
  }
  return list.data;
}

void CheckOwner(const StoredDefinition &definition, const DefinitionCatalog &catalog) {
  const char *const table = get_rel_name(definition.source);
  // What is left of a dropped table belongs to the extension's owner.
  Oid const owned = table != nullptr ? definition.source : catalog.item_type;
  if (compat::OwnsRelation(owned, GetUserId())) return;
  ereport(ERROR,
          (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("must be owner of table %s to change the item type \"%s\"",
                                                           LabelOfTable(definition.source), NameStr(definition.type))));
}

void RefuseSecondTypeOfTable(const StoredDefinitions &definitions, const ItemDefinition &definition) {
  for (int i = 0; i < definitions.count; ++i) {
    const StoredDefinition &other = definitions.items[i];
    if (std::strcmp(NameStr(other.type), NameStr(definition.type)) == 0) continue;
    RaiseProblem(FindOverlap(other, definition.source));
    if (other.source != definition.source) continue;
    ereport(ERROR,
            (errcode(ERRCODE_DUPLICATE_OBJECT),
             errmsg("table %s is the item type \"%s\" already", LabelOfTable(other.source), NameStr(other.type)),
             errhint("A table is one item type. Run SELECT itemize.undefine('%s') first, or replace that definition.",
                     NameStr(other.type))));
  }
}

/// Writers in progress end under the old definition, and later ones begin under the new one. Where the items stay as
/// they are, they are none of its business.
void HoldBackWriters(const DefinitionCatalog &catalog, const ItemDefinition &definition, const SearchColumns &search) {
  const StoredDefinition *const old = FindStored(ReadStoredDefinitions(catalog), NameStr(definition.type));
  if (old == nullptr || ItemDifferences(*old, definition, search)[0] != '\0') LockWriters(definition.source);
}

void Write(const ItemDefinition &definition, const SearchColumns &search, bool replace) {
  DefinitionCatalog catalog;
  if (!LookUpDefinitionCatalog(catalog)) elog(ERROR, "the tables of the extension itemize are missing");
  HoldBackWriters(catalog, definition, search);
  LockDefinitions(catalog);
  StoredDefinitions const definitions = ReadStoredDefinitions(catalog);
  RefuseSecondTypeOfTable(definitions, definition);
  const StoredDefinition *const old = FindStored(definitions, NameStr(definition.type));
  if (old == nullptr) {
    LockWriters(definition.source); // it was there a moment ago, and has been removed
    InsertDefinition(catalog, definition, search);
    return;
  }
  const char *const item_differences = ItemDifferences(*old, definition, search);
  const char *const search_differences = SearchDifferences(*old, search);
  bool const same_items = item_differences[0] == '\0';
  bool const same_search = search_differences[0] == '\0';
  if (same_items && same_search) return; // so that migrations can be run again
  if (!replace) {
    ereport(ERROR,
            (errcode(ERRCODE_DUPLICATE_OBJECT),
             errmsg("item type \"%s\" is defined already, and differently", NameStr(definition.type)),
             errdetail("It has %s%s%s.", item_differences, same_items || same_search ? "" : "; ", search_differences),
             errhint("Add replace => true to put this definition in its place.")));
  }
  if (old->source != definition.source) {
    CheckOwner(*old, catalog);
    LockWriters(old->source);
  }
  if (same_items) {
    ReplaceSearch(catalog, *old, search);
  } else {
    LockWriters(definition.source); // as above
    ReplaceDefinition(catalog, *old, definition, search);
  }
}

void Define(FunctionCallInfo fcinfo) {
  PreventCommandIfReadOnly("itemize.define()");
  CheckLibraryVersion();
  const char *const name = RequiredText(fcinfo, kDefineName, "name");
  const char *const source = RequiredText(fcinfo, kDefineSource, "source");
  const char *const read = RequiredText(fcinfo, kDefineRead, "read");
  bool const replace = !PG_ARGISNULL(kDefineReplace) && PG_GETARG_BOOL(kDefineReplace);
  CheckTypeName(name);
  CheckRead(read, ReadOf::kItems);
  RefuseUnbuiltArgument(fcinfo, kDefineUrl, "url");
  if (GetDatabaseEncoding() != PG_UTF8) {
    ereport(ERROR,
            (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
             errmsg("itemize needs a database with the encoding UTF8, this one has %s", GetDatabaseEncodingName()),
             errhint("Items are JSON, which is UTF-8. Create the database WITH ENCODING 'UTF8' TEMPLATE template0.")));
  }

  ItemDefinition definition = {};
  namestrcpy(&definition.type, name);
  namestrcpy(&definition.read, read);
  definition.source = LockSourceTable(source);
  Relation table = table_open(definition.source, NoLock);
  RaiseProblem(FindTableProblem(table));
  RaiseProblem(FindPartitionsProblem(table));
  ResolveKey(fcinfo, table, definition);
  ResolveFields(fcinfo, table, definition);
  SearchColumns const search = ResolveSearch(fcinfo, table);
  if (IsForOwners(definition.read)) ResolveOwner(table, search, definition);
  Write(definition, search, replace);
  table_close(table, NoLock); // the lock is held to the end of the transaction
  OfferIndexes(name, !PG_ARGISNULL(kDefineBuild) && PG_GETARG_BOOL(kDefineBuild));
}

/// The stored definition of that name, with its table and all definitions locked; null when there is none.
const StoredDefinition *LockStored(const DefinitionCatalog &catalog, const char *name) {
  for (;;) {
    const StoredDefinition *definition = FindStored(ReadStoredDefinitions(catalog), name);
    if (definition == nullptr) return nullptr;
    CheckOwner(*definition, catalog);
    Oid const source = definition->source;
    LockTableTree(source, ShareRowExclusiveLock);
    LockDefinitions(catalog);
    definition = FindStored(ReadStoredDefinitions(catalog), name);
    if (definition == nullptr || definition->source == source) return definition;
  }
}

bool Undefine(FunctionCallInfo fcinfo) {
  PreventCommandIfReadOnly("itemize.undefine()");
  CheckLibraryVersion();
  const char *const name = RequiredText(fcinfo, kDefineName, "name");
  CheckNotInternal(name);
  bool const if_exists = !PG_ARGISNULL(1) && PG_GETARG_BOOL(1);
  DefinitionCatalog catalog;
  const StoredDefinition *definition = nullptr;
  if (LookUpDefinitionCatalog(catalog)) definition = LockStored(catalog, name);
  if (definition == nullptr) {
    if (if_exists) return false;
    ereport(ERROR,
            (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("item type \"%s\" is not defined", name),
             errhint("SELECT * FROM itemize.definitions lists those that are; if_exists => true lets it pass.")));
  }
  CheckOwner(*definition, catalog); // its table may have changed hands while we waited
  DeleteDefinition(catalog, *definition);
  return true;
}

} // namespace

} // namespace itemize

ITEMIZE_FUNCTION(itemize_define) {
  return itemize::Entry([&]() -> Datum {
    itemize::Define(fcinfo);
    PG_RETURN_VOID();
  });
}

ITEMIZE_FUNCTION(itemize_undefine) {
  return itemize::Entry([&]() -> Datum { PG_RETURN_BOOL(itemize::Undefine(fcinfo)); });
}
