#include "search/price.hpp"

#include <cstring>

#include "boundary/entry.hpp"
#include "search/filters.hpp"
#include "search/filters_json.hpp"
#include "search/price_numbers.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "access/xact.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
}

namespace itemize {

struct Rates {
  Rate *rates;
  int count;
  Rate own;           ///< the visitor's; `units` is 0 when it has none
  bool is_currency;   ///< whether the visitor's currency is one
  int decimals;       ///< of an amount in it that can be paid; -1: there is no such thing
  bool is_told;       ///< that it has no rate: once a question
  TimestampTz latest; ///< from when the newest of them is valid: as of that moment they are the same
};

namespace {

constexpr char kRatesQuery[] =
    "SELECT r.currency, r.rate, r.currency OPERATOR(pg_catalog.=) $1, NULL::pg_catalog.int2, r.valid_from "
    "FROM itemize.rates_at($2) r "
    "UNION ALL SELECT NULL, NULL, NULL, c.minor_units, NULL FROM itemize.currency c "
    "WHERE c.code OPERATOR(pg_catalog.=) $1";

SPIPlanPtr rates_plan = nullptr; // of this session

SPIPlanPtr RatesPlan() {
  if (rates_plan == nullptr) {
    Oid types[] = {TEXTOID, TIMESTAMPTZOID};
    SPIPlanPtr const plan = SPI_prepare(kRatesQuery, 2, types);
    if (plan == nullptr) elog(ERROR, "could not prepare the query for rates: %s", SPI_result_code_string(SPI_result));
    if (SPI_keepplan(plan) != 0) elog(ERROR, "could not keep the plan of the query for rates");
    rates_plan = plan;
  }
  return rates_plan;
}

void KeepRate(Rates &rates, HeapTuple row, TupleDesc description, MemoryContext room) {
  bool is_null;
  Datum const currency = SPI_getbinval(row, description, 1, &is_null);
  if (is_null) {
    rates.is_currency = true;
    Datum const decimals = SPI_getbinval(row, description, 4, &is_null);
    rates.decimals = is_null ? -1 : DatumGetInt16(decimals);
    return;
  }
  Datum const units = SPI_getbinval(row, description, 2, &is_null);
  const bool is_own = DatumGetBool(SPI_getbinval(row, description, 3, &is_null));
  rates.latest = Max(rates.latest, DatumGetTimestampTz(SPI_getbinval(row, description, 5, &is_null)));
  MemoryContext const spi = MemoryContextSwitchTo(room);
  const Rate rate{text_to_cstring(DatumGetTextPP(currency)), datumCopy(units, false, -1)};
  MemoryContextSwitchTo(spi);
  rates.rates[rates.count++] = rate;
  if (is_own) rates.own = rate;
}

/// Those of a moment, as the question's own snapshot has them.
Rates ReadRates(const char *currency, TimestampTz at) {
  Rates rates{};
  rates.latest = DT_NOBEGIN;
  MemoryContext const room = CurrentMemoryContext;
  Datum arguments[] = {CStringGetTextDatum(currency), TimestampTzGetDatum(at)};
  if (SPI_connect() != SPI_OK_CONNECT) elog(ERROR, "SPI_connect failed");
  const int result = SPI_execute_plan(RatesPlan(), arguments, nullptr, true, 0);
  if (result != SPI_OK_SELECT) elog(ERROR, "could not read the rates: %s", SPI_result_code_string(result));
  rates.rates = static_cast<Rate *>(MemoryContextAlloc(room, (SPI_processed + 1) * sizeof(Rate)));
  for (uint64 i = 0; i < SPI_processed; ++i)
    KeepRate(rates, SPI_tuptable->vals[i], SPI_tuptable->tupdesc, room);
  if (SPI_finish() != SPI_OK_FINISH) elog(ERROR, "SPI_finish failed");
  return rates;
}

TimestampTz RatesMoment(const Question &question) {
  return question.rates_at ? *question.rates_at : GetCurrentTransactionStartTimestamp();
}

/// Codes are written in capitals; a visitor may write them otherwise.
std::string Capitals(const std::string &currency) {
  std::string code = currency;
  for (char &character : code) {
    if (character >= 'a' && character <= 'z') character = static_cast<char>(character - 'a' + 'A');
  }
  return code;
}

[[noreturn]] void RefuseCurrency(const std::string &currency) {
  throw Error(ERRCODE_INVALID_PARAMETER_VALUE, "\"" + Shown(currency) + "\" is no currency")
      .Hint("Currencies are rows of itemize.currency, by their ISO 4217 code.");
}

[[noreturn]] void RefuseWithoutRate(const std::string &currency) {
  throw Error(ERRCODE_INVALID_PARAMETER_VALUE, currency + " has no rate")
      .Hint("Store rates with itemize.set_rates(), or ask in the currency of the prices.");
}

/// In which currency bounds are, and what others are compared with it.
struct PricePlan {
  bool converts = false; ///< else the column is compared as it is
  std::string currency;
  Rates rates{};
};

const Rate *FindRate(const Rates &rates, const char *currency) {
  for (int i = 0; i < rates.count; ++i) {
    if (std::strcmp(rates.rates[i].currency, currency) == 0) return &rates.rates[i];
  }
  return nullptr;
}

PricePlan MakePlan(const Question &question, const SearchDefinition &definition, bool notice) {
  PricePlan plan;
  if (question.currency) plan.currency = Capitals(*question.currency);
  const bool constant = definition.currency_column == nullptr;
  if (constant && (!question.currency || plan.currency == definition.currency)) {
    return plan;
  }
  if (!question.currency) {
    throw Error(ERRCODE_INVALID_PARAMETER_VALUE,
                "prices of item type \"" + std::string(NameStr(definition.item.type)) + "\" are in several currencies")
        .Hint("Say in which one the question is: currency => 'EUR'.");
  }
  plan.converts = true;
  const char *const code = plan.currency.c_str();
  if (question.rates == nullptr) {
    question.rates = CallPg([&] {
      auto *const kept = static_cast<Rates *>(palloc(sizeof(Rates)));
      *kept = ReadRates(code, RatesMoment(question));
      return kept;
    });
  }
  plan.rates = *question.rates;
  if (!plan.rates.is_currency) RefuseCurrency(*question.currency);
  const bool has_rate = plan.rates.own.units != Datum{0};
  if (constant && !has_rate) RefuseWithoutRate(plan.currency);
  if (constant && FindRate(plan.rates, definition.currency) == nullptr) RefuseWithoutRate(definition.currency);
  // Prices in the visitor's own currency need no rate.
  if (!has_rate) {
    CallPg([&] {
      if (notice && !question.rates->is_told) {
        question.rates->is_told = true;
        ereport(NOTICE, (errmsg("%s has no rate: only prices in %s are compared", code, code),
                         errhint("Store rates with itemize.set_rates().")));
      }
      auto *const own = static_cast<Rate *>(palloc(sizeof(Rate)));
      *own = {pstrdup(code), NumericOf("1")};
      plan.rates.rates = own;
      plan.rates.count = 1;
      plan.rates.own = *own;
    });
  }
  return plan;
}

/// A question's bounds on prices in one currency, as parameters.
class Bounds {
public:
  Bounds(Statement &statement, const Question &question, const PricePlan &plan)
      : statement_(statement), question_(question), plan_(plan) {}

  /// Bounds on prices that are in the currency of `rate`; null: in that of the bounds.
  std::string Write(const std::string &price, const Rate *rate) {
    std::string condition;
    if (question_.price_min) {
      condition = price + " OPERATOR(pg_catalog.>=) " + Bind(Converted(*question_.price_min, rate, true));
    }
    if (question_.price_max) {
      condition += (condition.empty() ? "" : " AND ") + price + " OPERATOR(pg_catalog.<=) " +
                   Bind(Converted(*question_.price_max, rate, false));
    }
    return condition;
  }

  Datum Converted(Datum bound, const Rate *rate, bool up) {
    if (rate == nullptr || std::strcmp(rate->currency, plan_.currency.c_str()) == 0) return bound;
    const Datum own = plan_.rates.own.units;
    return RaiseWithPlace(up ? "price_min" : "price_max", [&] { return ConvertBound(bound, rate->units, own, up); });
  }

private:
  std::string Bind(Datum bound) { return statement_.Bind(NUMERICOID, bound); }

  Statement &statement_;
  const Question &question_;
  const PricePlan &plan_;
};

template <typename Value>
Datum MakeArray(int count, Oid type, Value value) {
  std::vector<Datum> elements(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i)
    elements[static_cast<std::size_t>(i)] = value(i);
  Datum *const data = elements.data();
  return CallPg([&] { return PointerGetDatum(construct_array(data, count, type, -1, false, 'i')); });
}

/// Its symbol is not there in all versions.
Oid NumericArray() {
  return CallPg([] { return get_array_type(NUMERICOID); });
}

std::string BindCodes(Statement &statement, const Rates &rates) {
  const Datum codes = MakeArray(rates.count, TEXTOID, [&](int i) {
    return CallPg([&] { return CStringGetTextDatum(rates.rates[i].currency); });
  });
  return statement.Bind(TEXTARRAYOID, codes);
}

} // namespace

void AppendPriceConditions(Statement &statement, const Question &question, const SearchDefinition &definition,
                           std::vector<std::string> &joins, std::vector<std::string> &conditions) {
  if (!question.price_min && !question.price_max) return;
  const PricePlan plan = MakePlan(question, definition, true);
  const std::string price = CallPg([&] { return PriceExpression(definition, kRowAlias); });
  Bounds bounds(statement, question, plan);
  if (!plan.converts || definition.currency_column == nullptr) {
    const Rate *const rate = plan.converts ? FindRate(plan.rates, definition.currency) : nullptr;
    conditions.push_back(bounds.Write(price, rate));
    return;
  }
  const std::string currency = CallPg([&] { return CurrencyExpression(definition, kRowAlias); });
  const Rates &rates = plan.rates;
  if (rates.count <= kMaxInlineCurrencies) {
    std::string any = "(";
    for (int i = 0; i < rates.count; ++i) {
      any += (i > 0 ? " OR (" : "(") + currency + " OPERATOR(pg_catalog.=) " +
             statement.BindText(rates.rates[i].currency) + " AND " + bounds.Write(price, &rates.rates[i]) + ")";
    }
    conditions.push_back(any + ")");
    return;
  }
  std::string columns = "currency";
  std::string functions = "pg_catalog.unnest(" + BindCodes(statement, rates) + ")";
  std::string condition = currency + " OPERATOR(pg_catalog.=) price_bound.currency";
  const auto append = [&](Datum bound, bool up) {
    const char *const name = up ? "low" : "high";
    const Datum list =
        MakeArray(rates.count, NUMERICOID, [&](int i) { return bounds.Converted(bound, &rates.rates[i], up); });
    columns += std::string(", ") + name;
    functions += ", pg_catalog.unnest(" + statement.Bind(NumericArray(), list) + ")";
    condition +=
        " AND " + price + (up ? " OPERATOR(pg_catalog.>=)" : " OPERATOR(pg_catalog.<=)") + " price_bound." + name;
  };
  if (question.price_min) append(*question.price_min, true);
  if (question.price_max) append(*question.price_max, false);
  joins.push_back("JOIN ROWS FROM (" + functions + ") AS price_bound(" + columns + ") ON " + condition);
}

RatesMark MarkRates(const Question &question, const SearchDefinition &definition) {
  (void)MakePlan(question, definition, false);
  const Rates &rates = *question.rates;
  return CallPg([&] {
    RatesMark mark = {rates.latest, 0};
    for (int i = 0; i < rates.count; ++i) {
      const Rate &rate = rates.rates[i];
      const auto length = static_cast<int>(std::strlen(rate.currency));
      const Datum code = hash_any_extended(reinterpret_cast<const unsigned char *>(rate.currency), length, 0);
      // Equal numbers have the same hash, however they are written; the order of the rates does not matter.
      mark.hash += DatumGetUInt64(DirectFunctionCall2(hash_numeric_extended, rate.units, code));
    }
    return mark;
  });
}

namespace {

/// Decimals that a price may have: those of the column's type, where it says so.
int DecimalsOf(const SearchDefinition &definition) {
  constexpr int kPresumed = 10;
  Oid type = InvalidOid;
  Oid collation = InvalidOid;
  int32 typmod = -1;
  get_atttypetypmodcoll(definition.item.source, definition.price->attnum, &type, &typmod, &collation);
  type = getBaseTypeAndTypmod(type, &typmod);
  if (type != NUMERICOID || typmod < VARHDRSZ) return kPresumed;
  // Eleven bits with a sign; before PostgreSQL 15 more, without one, for up to 1000.
  const int scale = (((typmod - VARHDRSZ) & 0x7ff) ^ 1024) - 1024;
  return Max(scale, 0);
}

} // namespace

bool ConvertsDistinctly(const Question &question, const SearchDefinition &definition) {
  const PricePlan plan = MakePlan(question, definition, false);
  return CallPg([&] {
    // So much more of a currency than of the visitor's own that two prices of the column's decimals become one.
    const int room = kPriceDecimals - Min(DecimalsOf(definition), kPriceDecimals);
    const Datum most = DirectFunctionCall2(numeric_mul, plan.rates.own.units, NumericOf(psprintf("1e%d", room)));
    for (int i = 0; i < plan.rates.count; ++i) {
      if (DatumGetBool(DirectFunctionCall2(numeric_gt, plan.rates.rates[i].units, most))) return false;
    }
    return true;
  });
}

std::optional<int> ShownDecimals(const Question &question) {
  if (question.rates == nullptr || question.rates->decimals < 0) return std::nullopt;
  return question.rates->decimals;
}

std::optional<PriceRates> BindPriceRates(Statement &statement, const Question &question,
                                         const SearchDefinition &definition) {
  if (definition.price == nullptr || definition.currency_column == nullptr || !question.currency) return std::nullopt;
  const PricePlan plan = MakePlan(question, definition, false);
  const Rates &rates = plan.rates;
  const Datum units = MakeArray(rates.count, NUMERICOID, [&](int i) { return rates.rates[i].units; });
  return PriceRates{BindCodes(statement, rates), statement.Bind(NumericArray(), units),
                    statement.Bind(NUMERICOID, rates.own.units)};
}

std::string ConvertedPrice(Statement &statement, const Question &question, const SearchDefinition &definition,
                           bool optional) {
  if (definition.price == nullptr || (optional && !question.currency && definition.currency_column != nullptr)) {
    return "NULL::pg_catalog.numeric";
  }
  // What the conditions said is not said again.
  const PricePlan plan = MakePlan(question, definition, !optional && !question.price_min && !question.price_max);
  std::string price = CallPg([&] { return PriceExpression(definition, kRowAlias); });
  if (!plan.converts) return price;
  const std::string currency = CallPg([&] { return CurrencyExpression(definition, kRowAlias); });
  const Rates &rates = plan.rates;
  const Datum units = MakeArray(rates.count, NUMERICOID, [&](int i) { return rates.rates[i].units; });
  return "itemize.price_in(" + price + ", " + currency + ", " + BindCodes(statement, rates) + ", " +
         statement.Bind(NumericArray(), units) + ", " + statement.BindText(plan.currency) + ")";
}

} // namespace itemize
