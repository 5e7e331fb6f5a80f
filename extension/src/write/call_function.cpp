// itemize.call_exposed: an exposed function, called by the name that it has for clients, with the members of a JSON
// object as its arguments.
//
// It runs as the caller, under his settings, and cannot become another. Values are bound, each as the type of its
// parameter; of the client's words none gets into a statement.
#include <cstring>

#include "boundary/entry.hpp"
#include "boundary/version_check.hpp"
#include "serializer/output_settings.hpp"
#include "serializer/value_encoder.hpp"
#include "write/caller_role.hpp"
#include "write/member_input.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "nodes/parsenodes.h"
#include "nodes/primnodes.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/plancache.h"
#include "utils/regproc.h"
}

namespace itemize {
namespace {

/// Of a function that returns a set.
constexpr uint64 kMostRows = 1000;
/// Of the JSON of what comes back.
constexpr int kMostResultBytes = 4 * 1024 * 1024;

/// A function to be called, as the catalog has it.
struct Callee {
  const char *name; ///< for clients
  Oid function;
  const char *schema;
  const char *own_name;
  Oid result;
  bool returns_set;
  int input_count;
  const char **names;
  Oid *types;
  /// How many of the last ones may be left out.
  int defaults;
};

[[noreturn]] void RefuseUnknown(const char *name) {
  ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("no function is exposed as \"%s\"", name),
                  errhint("itemize.expose('schema.function(types)', name => '%s') does that.", name)));
  pg_unreachable();
}

/// The function that was exposed under this name, if it is that of then: it may have been dropped, and somebody may
/// have made another in its place.
Oid FindExposed(const char *name) {
  Oid types[] = {TEXTOID};
  Datum values[] = {CStringGetTextDatum(name)};
  const int result = SPI_execute_with_args("SELECT p.oid FROM itemize.exposed_function e JOIN pg_catalog.pg_proc p"
                                           " ON p.oid = itemize.function_named(e.function)"
                                           " WHERE e.name = $1 AND pg_catalog.pg_get_userbyid(p.proowner) = e.owner",
                                           1, types, values, nullptr, true, 1);
  if (result != SPI_OK_SELECT)
    elog(ERROR, "could not read itemize.exposed_function: %s", SPI_result_code_string(result));
  if (SPI_processed == 0) RefuseUnknown(name);
  bool is_null;
  return DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null));
}

Callee Describe(const char *name, Oid function) {
  HeapTuple const tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
  if (!HeapTupleIsValid(tuple)) RefuseUnknown(name);
  const auto *const form = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
  Callee callee{};
  callee.name = name;
  callee.function = function;
  callee.schema = get_namespace_name(form->pronamespace);
  callee.own_name = pstrdup(NameStr(form->proname));
  callee.result = form->prorettype;
  callee.returns_set = form->proretset;
  callee.defaults = form->pronargdefaults;
  Oid *types;
  char **names;
  char *modes;
  const int count = get_func_arg_info(tuple, &types, &names, &modes);
  callee.names = static_cast<const char **>(palloc0((static_cast<Size>(count) + 1) * sizeof(char *)));
  callee.types = static_cast<Oid *>(palloc0((static_cast<Size>(count) + 1) * sizeof(Oid)));
  for (int i = 0; i < count; ++i) {
    if (modes != nullptr && modes[i] != FUNC_PARAM_IN && modes[i] != FUNC_PARAM_INOUT) continue;
    callee.names[callee.input_count] = names != nullptr ? names[i] : "";
    callee.types[callee.input_count++] = types[i];
  }
  ReleaseSysCache(tuple);
  return callee;
}

int FindParameter(const Callee &callee, const JsonbValue &member) {
  for (int i = 0; i < callee.input_count; ++i) {
    const Size length = std::strlen(callee.names[i]);
    if (length == static_cast<Size>(member.val.string.len) &&
        std::memcmp(callee.names[i], member.val.string.val, length) == 0)
      return i;
  }
  ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                  errmsg("function \"%s\" has no argument \"%s\"", callee.name,
                         pnstrdup(member.val.string.val, static_cast<Size>(member.val.string.len))),
                  errhint("Its arguments go by the names of its parameters.")));
  pg_unreachable();
}

/// The arguments that are given.
struct Arguments {
  bool *given;
  Datum *values;
  bool *nulls;
};

Arguments TakeArguments(const Callee &callee, Jsonb *object) {
  if (!JB_ROOT_IS_OBJECT(object)) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("the arguments of function \"%s\" must be a JSON object", callee.name),
                    errhint("Write {\"argument\": value, …}.")));
  }
  const auto room = static_cast<Size>(callee.input_count) + 1;
  Arguments arguments = {static_cast<bool *>(palloc0(room * sizeof(bool))),
                         static_cast<Datum *>(palloc0(room * sizeof(Datum))),
                         static_cast<bool *>(palloc0(room * sizeof(bool)))};
  JsonbIterator *iterator = JsonbIteratorInit(&object->root);
  JsonbValue member;
  (void)JsonbIteratorNext(&iterator, &member, false);
  while (JsonbIteratorNext(&iterator, &member, true) == WJB_KEY) {
    const int at = FindParameter(callee, member);
    JsonbValue value;
    (void)JsonbIteratorNext(&iterator, &value, true);
    MemberErrors errors;
    BeginMember(errors, {"argument", callee.names[at], "function", callee.name});
    const WriteColumn column = {callee.names[at], callee.types[at], -1, false};
    arguments.values[at] = ConvertMember(column, value, arguments.nulls[at]);
    arguments.given[at] = true;
    EndMember(errors);
  }
  for (int i = 0; i < callee.input_count - callee.defaults; ++i) {
    if (arguments.given[i]) continue;
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                    errmsg("argument \"%s\" of function \"%s\" is missing", callee.names[i], callee.name),
                    errhint("It has no default.")));
  }
  return arguments;
}

/// The function that the statement of a plan calls.
Oid CalledBy(SPIPlanPtr plan) {
  auto *const source = static_cast<CachedPlanSource *>(linitial(SPI_plan_get_plan_sources(plan)));
  const auto *const query = linitial_node(Query, source->query_list);
  const auto *const table = linitial_node(RangeTblEntry, query->rtable);
  const auto *const call = linitial_node(RangeTblFunction, table->functions);
  return IsA(call->funcexpr, FuncExpr) ? reinterpret_cast<const FuncExpr *>(call->funcexpr)->funcid : InvalidOid;
}

/// `SELECT * FROM schema.function(name => $1, …)`, run.
void Execute(const Callee &callee, const Arguments &arguments) {
  StringInfoData text;
  initStringInfo(&text);
  appendStringInfo(&text, "SELECT * FROM %s(", quote_qualified_identifier(callee.schema, callee.own_name));
  const auto room = static_cast<Size>(callee.input_count) + 1;
  auto *const types = static_cast<Oid *>(palloc(room * sizeof(Oid)));
  auto *const values = static_cast<Datum *>(palloc(room * sizeof(Datum)));
  auto *const nulls = static_cast<char *>(palloc(room));
  int count = 0;
  for (int i = 0; i < callee.input_count; ++i) {
    if (!arguments.given[i]) continue;
    types[count] = callee.types[i];
    values[count] = arguments.values[i];
    nulls[count] = arguments.nulls[i] ? 'n' : ' ';
    ++count;
    appendStringInfo(&text, "%s%s => $%d", count > 1 ? ", " : "", quote_identifier(callee.names[i]), count);
  }
  appendStringInfoChar(&text, ')');
  SPIPlanPtr const plan = SPI_prepare(text.data, count, types);
  if (plan == nullptr) elog(ERROR, "could not prepare a call: %s", SPI_result_code_string(SPI_result));
  if (CalledBy(plan) != callee.function) {
    ereport(ERROR, (errcode(ERRCODE_AMBIGUOUS_FUNCTION),
                    errmsg("another function of the same name takes these arguments of function \"%s\"", callee.name),
                    errhint("Give functions that are exposed names of their own.")));
  }
  const int role = ForbidOtherRoles();
  const int result = SPI_execute_plan(plan, values, nulls, false, static_cast<long>(kMostRows) + 1);
  AllowOtherRoles(role);
  if (result != SPI_OK_SELECT) elog(ERROR, "a call failed: %s", SPI_result_code_string(result));
}

void AppendValue(const ValueEncoder &encoder, HeapTuple row, TupleDesc description, int column, StringInfo out) {
  bool is_null;
  const Datum value = SPI_getbinval(row, description, column, &is_null);
  if (is_null) {
    appendStringInfoString(out, "null");
  } else {
    EncodeValue(encoder, value, out);
  }
}

/// A row as an object, or the value of its one column.
void AppendRow(const ValueEncoder *encoders, bool is_object, HeapTuple row, TupleDesc description, StringInfo out) {
  if (!is_object) return AppendValue(encoders[0], row, description, 1, out);
  for (int i = 0; i < description->natts; ++i) {
    const char *const name = NameStr(TupleDescAttr(description, i)->attname);
    appendStringInfoChar(out, i == 0 ? '{' : ',');
    AppendJsonString(out, name, std::strlen(name));
    appendStringInfoChar(out, ':');
    AppendValue(encoders[i], row, description, i + 1, out);
  }
  appendStringInfoString(out, description->natts == 0 ? "{}" : "}");
}

void CheckSize(const Callee &callee, uint64 rows, int bytes) {
  if (rows <= kMostRows && bytes <= kMostResultBytes) return;
  ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("function \"%s\" returns too much", callee.name),
                  errdetail("At most " UINT64_FORMAT " rows and %d bytes of JSON go to a client.", kMostRows,
                            kMostResultBytes),
                  errhint("Let it return a part, and take a parameter that says which.")));
}

/// What has come back, in the JSON that items are made of.
text *EncodeResult(const Callee &callee) {
  TupleDesc const description = SPI_tuptable->tupdesc;
  const uint64 rows = SPI_processed;
  CheckSize(callee, rows, 0);
  Oid type;
  TupleDesc ignored;
  const TypeFuncClass kind = get_func_result_type(callee.function, &type, &ignored);
  const bool is_object = kind == TYPEFUNC_COMPOSITE || kind == TYPEFUNC_COMPOSITE_DOMAIN || kind == TYPEFUNC_RECORD;
  const int settings = PinOutputSettings();
  auto *const encoders =
      static_cast<ValueEncoder *>(palloc((static_cast<Size>(description->natts) + 1) * sizeof(ValueEncoder)));
  for (int i = 0; i < description->natts; ++i)
    MakeValueEncoder(TupleDescAttr(description, i)->atttypid, encoders[i]);
  StringInfoData out;
  initStringInfo(&out);
  if (callee.returns_set) appendStringInfoChar(&out, '[');
  for (uint64 i = 0; i < rows; ++i) {
    if (i > 0) appendStringInfoChar(&out, ',');
    AppendRow(encoders, is_object, SPI_tuptable->vals[i], description, &out);
    CheckSize(callee, rows, out.len);
  }
  if (callee.returns_set) appendStringInfoChar(&out, ']');
  if (out.len == 0) appendStringInfoString(&out, "null");
  UnpinSettings(settings);
  return cstring_to_text_with_len(out.data, out.len);
}

const char *RequiredName(FunctionCallInfo fcinfo) {
  if (PG_ARGISNULL(0) || PG_ARGISNULL(1)) {
    ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                    errmsg("argument \"%s\" must not be null", PG_ARGISNULL(0) ? "name" : "arguments")));
  }
  return TextDatumGetCString(PG_GETARG_DATUM(0));
}

Datum CallExposed(FunctionCallInfo fcinfo) {
  CheckLibraryVersion();
  const char *const name = RequiredName(fcinfo);
  Jsonb *const object = PG_GETARG_JSONB_P(1);
  MemoryContext const caller = CurrentMemoryContext;
  SPI_connect();
  // The types of a signature are those that it was exposed with, whatever the search_path.
  int settings = PinOutputSettings();
  const Callee callee = Describe(name, FindExposed(name));
  UnpinSettings(settings);
  // Before anything is said of its arguments.
  if (!compat::MayExecute(callee.function, GetUserId())) aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_FUNCTION, callee.name);
  settings = PinInputSettings();
  const Arguments arguments = TakeArguments(callee, object);
  UnpinSettings(settings);
  Execute(callee, arguments);
  if (callee.result == VOIDOID && !callee.returns_set) {
    SPI_finish();
    PG_RETURN_NULL();
  }
  MemoryContextSwitchTo(caller);
  text *const json = EncodeResult(callee);
  SPI_finish();
  PG_RETURN_TEXT_P(json);
}

} // namespace
} // namespace itemize

ITEMIZE_FUNCTION(itemize_call_exposed) {
  return itemize::Entry([&] { return itemize::CallExposed(fcinfo); });
}
