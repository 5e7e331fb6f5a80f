#include "search/statement.hpp"

#include "boundary/entry.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "catalog/pg_operator.h"
#include "utils/typcache.h"
}

namespace itemize {

std::string Statement::Bind(Oid type, Datum value, bool is_null) {
  types_.push_back(type);
  values_.push_back(value);
  nulls_.push_back(is_null ? 'n' : ' ');
  return "$" + std::to_string(types_.size());
}

std::string Statement::BindText(std::string_view value) {
  return Bind(TEXTOID, CallPg([&] {
                return PointerGetDatum(cstring_to_text_with_len(value.data(), static_cast<int>(value.size())));
              }));
}

std::string Statement::BindDouble(double value) {
  return Bind(FLOAT8OID, CallPg([&] { return Float8GetDatum(value); }));
}

std::string Statement::BindInt64(int64 value) {
  return Bind(INT8OID, CallPg([&] { return Int64GetDatum(value); }));
}

std::string QuotedName(const char *name) {
  return CallPg([&] { return quote_identifier(name); });
}

std::string ColumnText(const char *column, const char *alias) { return std::string(alias) + "." + QuotedName(column); }

std::string TypeText(Oid type) {
  return CallPg([&] { return format_type_extended(type, -1, FORMAT_TYPE_FORCE_QUALIFY); });
}

std::string OperatorText(Oid oper) {
  return CallPg([&]() -> const char * {
    HeapTuple const tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(oper));
    if (!HeapTupleIsValid(tuple)) elog(ERROR, "cache lookup failed for operator %u", oper);
    const auto *const row = reinterpret_cast<Form_pg_operator>(GETSTRUCT(tuple));
    const char *const schema = get_namespace_name(row->oprnamespace);
    const char *const text =
        psprintf("OPERATOR(%s.%s)", quote_identifier(schema != nullptr ? schema : ""), NameStr(row->oprname));
    ReleaseSysCache(tuple);
    return text;
  });
}

OrderOperators DefaultOrder(Oid type, const char *column) {
  return CallPg([&]() -> OrderOperators {
    const TypeCacheEntry *const entry = lookup_type_cache(type, TYPECACHE_EQ_OPR | TYPECACHE_LT_OPR | TYPECACHE_GT_OPR);
    if (!OidIsValid(entry->eq_opr) || !OidIsValid(entry->lt_opr) || !OidIsValid(entry->gt_opr)) {
      ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                      errmsg("column \"%s\" cannot be ordered: type %s has no order", column, format_type_be(type)),
                      errhint("Order by another column.")));
    }
    return {entry->eq_opr, entry->lt_opr, entry->gt_opr};
  });
}

} // namespace itemize
