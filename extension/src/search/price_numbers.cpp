#include "search/price_numbers.hpp"

#include <cstring>

#include "boundary/entry.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "utils/datum.h"
#include "utils/numeric.h"
}

namespace itemize {

namespace {

Datum Multiply(Datum left, Datum right) { return DirectFunctionCall2(numeric_mul, left, right); }

bool IsLess(Datum left, Datum right) { return DatumGetBool(DirectFunctionCall2(numeric_lt, left, right)); }

/// `left / right` with at least ten decimals more than are kept.
Datum Divide(Datum left, Datum right) {
  const Datum scaled = DirectFunctionCall2(numeric_add, left, NumericOf("0e-30"));
  return DirectFunctionCall2(numeric_div, scaled, right);
}

Datum Round(Datum value) { return DirectFunctionCall2(numeric_round, value, Int32GetDatum(kPriceDecimals)); }

} // namespace

Datum NumericOf(const char *text) {
  return DirectFunctionCall3(numeric_in, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
}

Datum ConvertBound(Datum bound, Datum theirs, Datum own, bool up) {
  // The quotient may be off by its last place; products are exact, so they decide.
  const Datum exact = Multiply(bound, theirs);
  Datum converted = Round(Divide(exact, own));
  const Datum place = NumericOf("1e-20");
  static_assert(kPriceDecimals == 20);
  if (up && IsLess(Multiply(converted, own), exact)) return DirectFunctionCall2(numeric_add, converted, place);
  if (!up && IsLess(exact, Multiply(converted, own))) return DirectFunctionCall2(numeric_sub, converted, place);
  return converted;
}

namespace {

/// What itemize.price_in keeps for the calls of one statement, whose rates do not change.
struct KeptRates {
  int count;
  const char *own;
  Datum own_units;
  Rate *rates;
  Datum zero; ///< of thirty decimals
};

KeptRates *KeepRates(ArrayType *codes, ArrayType *units, const char *own) {
  Datum *code_values;
  Datum *unit_values;
  int code_count;
  int unit_count;
  deconstruct_array(codes, TEXTOID, -1, false, 'i', &code_values, nullptr, &code_count);
  deconstruct_array(units, NUMERICOID, -1, false, 'i', &unit_values, nullptr, &unit_count);
  if (code_count != unit_count) {
    ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("each currency needs one rate")));
  }
  auto *const kept = static_cast<KeptRates *>(palloc0(sizeof(KeptRates)));
  kept->own = own;
  kept->zero = NumericOf("0e-30");
  kept->rates = static_cast<Rate *>(palloc(static_cast<Size>(code_count + 1) * sizeof(Rate)));
  for (int i = 0; i < code_count; ++i) {
    Rate &rate = kept->rates[kept->count++];
    rate = {TextDatumGetCString(code_values[i]), datumCopy(unit_values[i], false, -1)};
    if (std::strcmp(rate.currency, own) == 0) kept->own_units = rate.units;
  }
  return kept;
}

bool IsStable(FunctionCallInfo fcinfo) {
  for (int argument = 2; argument < 5; ++argument) {
    if (!get_fn_expr_arg_stable(fcinfo->flinfo, argument)) return false;
  }
  return true;
}

KeptRates *RatesOf(FunctionCallInfo fcinfo) {
  if (fcinfo->flinfo->fn_extra != nullptr) return static_cast<KeptRates *>(fcinfo->flinfo->fn_extra);
  const bool keep = IsStable(fcinfo);
  MemoryContext const caller = keep ? MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt) : CurrentMemoryContext;
  KeptRates *const kept =
      KeepRates(PG_GETARG_ARRAYTYPE_P(2), PG_GETARG_ARRAYTYPE_P(3), text_to_cstring(PG_GETARG_TEXT_PP(4)));
  MemoryContextSwitchTo(caller);
  if (keep) fcinfo->flinfo->fn_extra = kept;
  return kept;
}

/// As itemize.convert: one division, the last step, to thirty decimals; rounded to twenty.
Datum PriceIn(FunctionCallInfo fcinfo) {
  const KeptRates &kept = *RatesOf(fcinfo);
  const text *const currency = PG_GETARG_TEXT_PP(1);
  const auto is = [currency](const char *code) {
    const Size length = std::strlen(code);
    return VARSIZE_ANY_EXHDR(currency) == length && std::memcmp(VARDATA_ANY(currency), code, length) == 0;
  };
  if (is(kept.own)) return PG_GETARG_DATUM(0);
  for (int i = 0; i < kept.count && kept.own_units != Datum{0}; ++i) {
    if (!is(kept.rates[i].currency)) continue;
    const Datum scaled = DirectFunctionCall2(numeric_add, Multiply(PG_GETARG_DATUM(0), kept.own_units), kept.zero);
    const Datum converted = Round(DirectFunctionCall2(numeric_div, scaled, kept.rates[i].units));
    return DirectFunctionCall1(numeric_trim_scale, converted);
  }
  PG_RETURN_NULL();
}

} // namespace
} // namespace itemize

ITEMIZE_FUNCTION(itemize_price_in) {
  return itemize::Entry([&] { return itemize::PriceIn(fcinfo); });
}
