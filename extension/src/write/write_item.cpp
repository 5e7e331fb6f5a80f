// itemize.create_item, update_item, replace_item, delete_item and lock_item: one row as the caller, with the rights of
// the caller, and as the item that it then is.
//
// Statements name everything by its schema and bind every value. They run under the caller's settings, his search_path
// included: his triggers may need it. Only reading a client's values and writing the item is done under pinned ones.
#include <cstring>

#include "boundary/entry.hpp"
#include "boundary/version_check.hpp"
#include "fetch/item_lookup.hpp"
#include "write/caller_role.hpp"
#include "write/member_input.hpp"
#include "write/merge_patch.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "catalog/pg_attribute.h"
#include "utils/acl.h"
#include "utils/jsonb.h"
}

namespace itemize {
namespace {

/// A statement, its parameters, and how it is for one item.
struct Statement {
  StringInfoData text;
  int count;
  Oid *types;
  Datum *values;
  char *nulls;
};

/// What a client gives a column.
struct Given {
  bool is_given;
  bool is_null;
  Datum value;
};

/// A write on its way. `fields` and `keys` stand in the definition's order.
struct Write {
  const ItemDefinition *definition;
  MemoryContext room; ///< outlives SPI
  WriteColumn *fields;
  WriteColumn *keys;
  Given *given_fields;
  Given *given_keys;
  // With a key:
  const text *key_text;
  Oid key_types[kMaxKeyColumns];
  Datum key_values[kMaxKeyColumns];
};

const char *TypeName(const Write &write) { return NameStr(write.definition->type); }

char *KeyText(const Write &write) { return text_to_cstring(write.key_text); }

void RequireArgument(FunctionCallInfo fcinfo, int argument, const char *name) {
  if (!PG_ARGISNULL(argument)) return;
  ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("argument \"%s\" must not be null", name)));
}

WriteColumn DescribeColumn(const Write &write, const DefinitionColumn &column) {
  HeapTuple const tuple = SearchSysCacheAttName(write.definition->source, NameStr(column.name));
  if (!HeapTupleIsValid(tuple)) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                    errmsg("column \"%s\" of item type \"%s\" is gone", NameStr(column.name), TypeName(write)),
                    errhint("Define the type again with replace => true.")));
  }
  const auto *const attribute = reinterpret_cast<Form_pg_attribute>(GETSTRUCT(tuple));
  const WriteColumn found = {NameStr(column.name), attribute->atttypid, attribute->atttypmod,
                             attribute->attgenerated != '\0' || attribute->attidentity == ATTRIBUTE_IDENTITY_ALWAYS};
  ReleaseSysCache(tuple);
  return found;
}

WriteColumn *DescribeColumns(const Write &write, const DefinitionColumn *columns, int count) {
  auto *const described = static_cast<WriteColumn *>(palloc(static_cast<Size>(count) * sizeof(WriteColumn)));
  for (int i = 0; i < count; ++i)
    described[i] = DescribeColumn(write, columns[i]);
  return described;
}

Given *NothingGiven(int count) { return static_cast<Given *>(palloc0(static_cast<Size>(count) * sizeof(Given))); }

/// The text of the key that these values are.
StringInfoData CanonicalKey(const Write &write) {
  StringInfoData out;
  initStringInfo(&out);
  for (int i = 0; i < write.definition->key_count; ++i) {
    if (i > 0) appendStringInfoChar(&out, ',');
    ValueEncoder encoder;
    MakeValueEncoder(write.key_types[i], encoder);
    EncodeKeyValue(encoder, write.key_values[i], &out);
  }
  return out;
}

bool IsKeyText(const Write &write, const StringInfoData &other) {
  return static_cast<Size>(other.len) == VARSIZE_ANY_EXHDR(write.key_text) &&
         std::memcmp(other.data, VARDATA_ANY(write.key_text), static_cast<Size>(other.len)) == 0;
}

/// Connects SPI, with memory that outlives it current.
Write BeginWrite(FunctionCallInfo fcinfo, const char *function) {
  PreventCommandIfReadOnly(function);
  CheckLibraryVersion();
  RequireArgument(fcinfo, 0, "type");
  Write write{};
  write.definition = RequireDefinition(TextDatumGetCString(PG_GETARG_DATUM(0)));
  write.fields = DescribeColumns(write, write.definition->fields, write.definition->field_count);
  write.keys = DescribeColumns(write, write.definition->keys, write.definition->key_count);
  write.given_fields = NothingGiven(write.definition->field_count);
  write.given_keys = NothingGiven(write.definition->key_count);
  write.room = CurrentMemoryContext;
  SPI_connect();
  MemoryContextSwitchTo(write.room);
  return write;
}

/// Whether the text is the key, in its canonical form, that an item of this type can have.
bool TakeKey(Write &write, FunctionCallInfo fcinfo, int argument) {
  RequireArgument(fcinfo, argument, "key");
  write.key_text = PG_GETARG_TEXT_PP(argument);
  GetKeyTypes(*write.definition, write.key_types);
  const int settings = PinInputSettings();
  const bool is_key = ParseKey(*write.definition, write.key_types, write.key_text, write.key_values) &&
                      IsKeyText(write, CanonicalKey(write));
  UnpinSettings(settings);
  return is_key;
}

const WriteColumn *FindColumn(const WriteColumn *columns, int count, const JsonbValue &name) {
  for (int i = 0; i < count; ++i) {
    const Size length = std::strlen(columns[i].name);
    if (length == static_cast<Size>(name.val.string.len) &&
        std::memcmp(columns[i].name, name.val.string.val, length) == 0) {
      return &columns[i];
    }
  }
  return nullptr;
}

/// A key in the body may stand there as it is in the item: it says which item is meant, no more.
void CheckKeyMember(const Write &write, int ordinal, JsonbValue &value) {
  const WriteColumn &column = write.keys[ordinal];
  bool is_null;
  const Datum given = ConvertMember(column, value, is_null);
  StringInfoData text;
  initStringInfo(&text);
  StringInfoData mine;
  initStringInfo(&mine);
  ValueEncoder encoder;
  MakeValueEncoder(column.type, encoder);
  if (!is_null) EncodeKeyValue(encoder, given, &text);
  EncodeKeyValue(encoder, write.key_values[ordinal], &mine);
  if (!is_null && text.len == mine.len && std::memcmp(text.data, mine.data, static_cast<Size>(mine.len)) == 0) return;
  ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                  errmsg("the key of an item cannot be changed: \"%s\" is another than that of item \"%s\"",
                         column.name, KeyText(write)),
                  errhint("Leave it out; or delete the item and create another.")));
}

/// `current`: the item that the members are a merge patch (RFC 7396) for; null: they stand for themselves.
void TakeMember(Write &write, const JsonbValue &name, JsonbValue value, const char *current) {
  const ItemDefinition &definition = *write.definition;
  const WriteColumn *const field = FindColumn(write.fields, definition.field_count, name);
  const WriteColumn *const key = FindColumn(write.keys, definition.key_count, name);
  const char *const label = pnstrdup(name.val.string.val, static_cast<Size>(name.val.string.len));
  MemberErrors errors;
  BeginMember(errors, {"field", label, "item type", TypeName(write)});
  if (field == nullptr && key == nullptr) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("item type \"%s\" has no field \"%s\"", TypeName(write), label),
                    errhint("Only the fields and the key of its definition can be written.")));
  }
  if (key != nullptr && write.key_text != nullptr) {
    CheckKeyMember(write, static_cast<int>(key - write.keys), value);
  } else {
    const WriteColumn &column = key != nullptr ? *key : *field;
    if (column.generated) {
      ereport(ERROR, (errcode(ERRCODE_GENERATED_ALWAYS),
                      errmsg("field \"%s\" of item type \"%s\" is generated", label, TypeName(write)),
                      errhint("Leave it out: its value is made by the database.")));
    }
    if (current != nullptr && ObjectOf(value) != nullptr) {
      auto *const item = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(current)));
      JsonbValue wanted = name;
      const JsonbValue *const old = findJsonbValueFromContainer(&item->root, JB_FOBJECT, &wanted);
      value = *MergePatch(old != nullptr ? ObjectOf(*old) : nullptr, ObjectOf(value));
    }
    Given &given = key != nullptr ? write.given_keys[key - write.keys] : write.given_fields[field - write.fields];
    given.is_given = true;
    given.value = ConvertMember(column, value, given.is_null);
  }
  EndMember(errors);
}

void TakeMembers(Write &write, FunctionCallInfo fcinfo, int argument, const char *argument_name, const char *current) {
  RequireArgument(fcinfo, argument, argument_name);
  Jsonb *const object = PG_GETARG_JSONB_P(argument);
  if (!JB_ROOT_IS_OBJECT(object)) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("\"%s\" of item type \"%s\" must be a JSON object", argument_name, TypeName(write)),
                    errhint("Write {\"field\": value, …}.")));
  }
  const int settings = PinInputSettings();
  JsonbIterator *iterator = JsonbIteratorInit(&object->root);
  JsonbValue name;
  (void)JsonbIteratorNext(&iterator, &name, false);
  while (JsonbIteratorNext(&iterator, &name, true) == WJB_KEY) {
    JsonbValue value;
    (void)JsonbIteratorNext(&iterator, &value, true);
    TakeMember(write, name, value, current);
  }
  UnpinSettings(settings);
}

Statement BeginStatement(const Write &write) {
  const auto most =
      static_cast<Size>(write.definition->field_count) + 2 * static_cast<Size>(write.definition->key_count);
  Statement statement{};
  initStringInfo(&statement.text);
  statement.types = static_cast<Oid *>(palloc(most * sizeof(Oid)));
  statement.values = static_cast<Datum *>(palloc(most * sizeof(Datum)));
  statement.nulls = static_cast<char *>(palloc(most));
  return statement;
}

/// `$n` of a value.
const char *Bind(Statement &statement, Oid type, Datum value, bool is_null) {
  statement.types[statement.count] = type;
  statement.values[statement.count] = value;
  statement.nulls[statement.count] = is_null ? 'n' : ' ';
  return psprintf("$%d", ++statement.count);
}

void AppendItsKey(Statement &statement, const Write &write) {
  for (int i = 0; i < write.definition->key_count; ++i) {
    appendStringInfo(&statement.text, "%st.%s ", i > 0 ? " AND " : " WHERE ", quote_identifier(write.keys[i].name));
    AppendEquality(&statement.text, write.key_types[i]);
    appendStringInfo(&statement.text, " %s", Bind(statement, write.key_types[i], write.key_values[i], false));
  }
}

void AppendReturning(Statement &statement, const Write &write) {
  appendStringInfoString(&statement.text, " RETURNING ");
  AppendSelectList(&statement.text, *write.definition);
}

/// SPI's own memory is current after each of its statements, and goes with it: what is made of the rows must not lie
/// there. `most_rows`: 0 for all.
void Run(const Write &write, const Statement &statement, long most_rows) {
  const int role = ForbidOtherRoles();
  const int result = SPI_execute_with_args(statement.text.data, statement.count, statement.types, statement.values,
                                           statement.nulls, false, most_rows);
  AllowOtherRoles(role);
  MemoryContextSwitchTo(write.room);
  if (result < 0) elog(ERROR, "a statement of a write failed: %s", SPI_result_code_string(result));
}

/// The item of the row that comes back, or null when none does. In write.room.
EncodedItem *Execute(const Write &write, const Statement &statement) {
  Run(write, statement, 0);
  if (SPI_processed == 0) return nullptr;
  const int settings = PinOutputSettings();
  const RowEncoder *const encoder = MakePackedRowEncoder(*write.definition, SPI_tuptable->tupdesc, 0);
  auto *const item = static_cast<EncodedItem *>(palloc(sizeof(EncodedItem)));
  EncodeTuple(*encoder, SPI_tuptable->vals[0], SPI_tuptable->tupdesc, *item);
  UnpinSettings(settings);
  return item;
}

/// The item, and its row locked against other writers.
EncodedItem *Lock(const Write &write) {
  Statement statement = BeginStatement(write);
  appendStringInfoString(&statement.text, "SELECT ");
  AppendSelectList(&statement.text, *write.definition);
  appendStringInfoString(&statement.text, " FROM");
  AppendTable(&statement.text, *write.definition);
  AppendItsKey(statement, write);
  appendStringInfoString(&statement.text, " FOR NO KEY UPDATE OF t");
  return Execute(write, statement);
}

bool IsVisible(const Write &write) {
  Statement statement = BeginStatement(write);
  appendStringInfoString(&statement.text, "SELECT 1 FROM");
  AppendTable(&statement.text, *write.definition);
  AppendItsKey(statement, write);
  Run(write, statement, 1);
  return SPI_processed > 0;
}

/// What `attempt()` gives, which is null where it finds nothing to be changed; raises when the caller can see the item
/// all the same: row-level security may show a row that it lets nobody change. Each statement sees what others have
/// committed before it, so one that is made between the two is tried for once more.
template <typename Attempt>
EncodedItem *UnlessRefused(const Write &write, Attempt attempt) {
  for (int tries = 0; tries < 2; ++tries) {
    EncodedItem *const item = attempt();
    if (item != nullptr || !IsVisible(write)) return item;
  }
  ereport(ERROR,
          (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
           errmsg("item \"%s\" of item type \"%s\" may be seen and not changed", KeyText(write), TypeName(write)),
           errhint("Its policies of row-level security say who may.")));
  pg_unreachable();
}

EncodedItem *LockUnlessRefused(const Write &write) {
  return UnlessRefused(write, [&] { return Lock(write); });
}

void AppendAssignment(Statement &statement, bool &is_first, const char *column) {
  appendStringInfo(&statement.text, "%s%s = ", is_first ? " SET " : ", ", quote_identifier(column));
  is_first = false;
}

/// `whole`: fields that are not given get their defaults. `current` is the answer where there is nothing to change.
EncodedItem *Update(const Write &write, bool whole, EncodedItem *current) {
  const ItemDefinition &definition = *write.definition;
  Statement statement = BeginStatement(write);
  appendStringInfoString(&statement.text, "UPDATE");
  AppendTable(&statement.text, definition);
  bool is_first = true;
  for (int i = 0; i < definition.field_count; ++i) {
    const WriteColumn &column = write.fields[i];
    const Given &given = write.given_fields[i];
    if (given.is_given) {
      AppendAssignment(statement, is_first, column.name);
      appendStringInfoString(&statement.text, Bind(statement, column.type, given.value, given.is_null));
      continue;
    }
    bool is_key = false;
    for (int k = 0; k < definition.key_count; ++k)
      is_key = is_key || std::strcmp(write.keys[k].name, column.name) == 0;
    if (!whole || is_key || column.generated) continue;
    AppendAssignment(statement, is_first, column.name);
    appendStringInfoString(&statement.text, "DEFAULT");
  }
  if (is_first) return current;
  AppendItsKey(statement, write);
  AppendReturning(statement, write);
  return Execute(write, statement);
}

void AppendValue(Statement &statement, StringInfo values, const WriteColumn &column, const char *parameter) {
  const bool is_first = values->len == 0;
  appendStringInfo(&statement.text, "%s%s", is_first ? " (" : ", ", quote_identifier(column.name));
  appendStringInfo(values, "%s%s", is_first ? "" : ", ", parameter);
}

/// With a key: null when there is an item of it already.
EncodedItem *Insert(const Write &write) {
  const ItemDefinition &definition = *write.definition;
  Statement statement = BeginStatement(write);
  appendStringInfo(&statement.text, "INSERT INTO %s AS t",
                   quote_qualified_identifier(get_namespace_name(get_rel_namespace(definition.source)),
                                              get_rel_name(definition.source)));
  StringInfoData values;
  initStringInfo(&values);
  for (int i = 0; i < definition.key_count; ++i) {
    const Given &given = write.given_keys[i];
    if (write.key_text != nullptr) {
      AppendValue(statement, &values, write.keys[i], Bind(statement, write.key_types[i], write.key_values[i], false));
    } else if (given.is_given) {
      AppendValue(statement, &values, write.keys[i], Bind(statement, write.keys[i].type, given.value, given.is_null));
    }
  }
  for (int i = 0; i < definition.field_count; ++i) {
    const Given &given = write.given_fields[i];
    if (given.is_given)
      AppendValue(statement, &values, write.fields[i],
                  Bind(statement, write.fields[i].type, given.value, given.is_null));
  }
  if (values.len == 0) {
    appendStringInfoString(&statement.text, " DEFAULT VALUES");
  } else {
    appendStringInfo(&statement.text, ") VALUES (%s)", values.data);
  }
  if (write.key_text != nullptr) {
    appendStringInfoString(&statement.text, " ON CONFLICT (");
    for (int i = 0; i < definition.key_count; ++i)
      appendStringInfo(&statement.text, "%s%s", i > 0 ? ", " : "", quote_identifier(write.keys[i].name));
    appendStringInfoString(&statement.text, ") DO NOTHING");
  }
  AppendReturning(statement, write);
  return Execute(write, statement);
}

Datum ItemText(const EncodedItem &item) {
  return PointerGetDatum(cstring_to_text_with_len(item.row.data, item.row.len));
}

Datum ItemOrNull(FunctionCallInfo fcinfo, const EncodedItem *item) {
  SPI_finish();
  if (item == nullptr) PG_RETURN_NULL();
  return ItemText(*item);
}

/// One row of two columns, the second of which is `second`.
Datum RowOfTwo(FunctionCallInfo fcinfo, Datum first, Datum second) {
  SPI_finish();
  TupleDesc row;
  if (get_call_result_type(fcinfo, nullptr, &row) != TYPEFUNC_COMPOSITE) elog(ERROR, "a write returns a row");
  Datum values[2] = {first, second};
  bool nulls[2] = {false, false};
  return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(row), values, nulls));
}

/// What a body says of an item is looked at with the type's columns in hand: who may do nothing of `any_of` with the
/// table is refused before it, as by the table itself.
void RequirePrivilege(const Write &write, AclMode any_of) {
  const Oid source = write.definition->source;
  if (pg_class_aclmask(source, GetUserId(), any_of, ACLMASK_ANY) != ACL_NO_RIGHTS) return;
  if (pg_attribute_aclcheck_all(source, GetUserId(), any_of, ACLMASK_ANY) == ACLCHECK_OK) return;
  aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, get_rel_name(source));
}

Datum CreateItem(FunctionCallInfo fcinfo) {
  Write write = BeginWrite(fcinfo, "itemize.create_item()");
  RequirePrivilege(write, ACL_INSERT);
  TakeMembers(write, fcinfo, 1, "fields", nullptr);
  const EncodedItem *const item = Insert(write);
  if (item == nullptr) {
    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                    errmsg("a trigger or rule lets no item of item type \"%s\" be created so", TypeName(write))));
  }
  return RowOfTwo(fcinfo, PointerGetDatum(cstring_to_text_with_len(item->key.data, item->key.len)), ItemText(*item));
}

Datum LockItem(FunctionCallInfo fcinfo) {
  Write write = BeginWrite(fcinfo, "itemize.lock_item()");
  return ItemOrNull(fcinfo, TakeKey(write, fcinfo, 1) ? Lock(write) : nullptr);
}

Datum UpdateItem(FunctionCallInfo fcinfo) {
  Write write = BeginWrite(fcinfo, "itemize.update_item()");
  if (!TakeKey(write, fcinfo, 1)) return ItemOrNull(fcinfo, nullptr);
  EncodedItem *const item = LockUnlessRefused(write);
  if (item == nullptr) return ItemOrNull(fcinfo, nullptr);
  TakeMembers(write, fcinfo, 2, "patch", item->row.data);
  return ItemOrNull(fcinfo, Update(write, false, item));
}

Datum DeleteItem(FunctionCallInfo fcinfo) {
  Write write = BeginWrite(fcinfo, "itemize.delete_item()");
  if (!TakeKey(write, fcinfo, 1)) return ItemOrNull(fcinfo, nullptr);
  Statement statement = BeginStatement(write);
  appendStringInfoString(&statement.text, "DELETE FROM");
  AppendTable(&statement.text, *write.definition);
  AppendItsKey(statement, write);
  AppendReturning(statement, write);
  return ItemOrNull(fcinfo, UnlessRefused(write, [&] { return Execute(write, statement); }));
}

[[noreturn]] void RefuseKey(const Write &write) {
  ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                  errmsg("\"%s\" is no key of item type \"%s\"", KeyText(write), TypeName(write)),
                  errhint("A key is each key column's value in the form that the change stream has.")));
  pg_unreachable();
}

Datum ReplaceItem(FunctionCallInfo fcinfo) {
  constexpr int kMaxTries = 5;
  Write write = BeginWrite(fcinfo, "itemize.replace_item()");
  RequirePrivilege(write, ACL_INSERT | ACL_UPDATE);
  if (!TakeKey(write, fcinfo, 1)) RefuseKey(write);
  TakeMembers(write, fcinfo, 2, "fields", nullptr);
  // Somebody may create or delete it between two of the statements.
  for (int i = 0; i < kMaxTries; ++i) {
    EncodedItem *item = LockUnlessRefused(write);
    const bool created = item == nullptr;
    item = created ? Insert(write) : Update(write, true, item);
    if (item == nullptr) continue;
    // Of a key that the column rounds, say, another item would come.
    if (!IsKeyText(write, item->key)) RefuseKey(write);
    return RowOfTwo(fcinfo, ItemText(*item), BoolGetDatum(created));
  }
  ereport(ERROR,
          (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
           errmsg("item \"%s\" of item type \"%s\" is there and may not be changed", KeyText(write), TypeName(write)),
           errhint("Row-level security hides it, or a trigger holds its rows back.")));
}

} // namespace
} // namespace itemize

ITEMIZE_FUNCTION(itemize_create_item) {
  return itemize::Entry([&] { return itemize::CreateItem(fcinfo); });
}

ITEMIZE_FUNCTION(itemize_lock_item) {
  return itemize::Entry([&] { return itemize::LockItem(fcinfo); });
}

ITEMIZE_FUNCTION(itemize_update_item) {
  return itemize::Entry([&] { return itemize::UpdateItem(fcinfo); });
}

ITEMIZE_FUNCTION(itemize_replace_item) {
  return itemize::Entry([&] { return itemize::ReplaceItem(fcinfo); });
}

ITEMIZE_FUNCTION(itemize_delete_item) {
  return itemize::Entry([&] { return itemize::DeleteItem(fcinfo); });
}
