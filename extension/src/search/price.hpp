// Prices in a visitor's currency over rows that are priced in many.
//
// Bounds are converted, not rows: for each currency that can be compared the question's bounds become those on the
// column itself, which an index on (currency, price) serves. They are exact: p is within its bounds where p by the
// rates is within the visitor's, in rational numbers, for prices of up to kPriceDecimals decimals. A row whose currency
// has no rate, or is null, has no price in another currency: no bound matches it, and in an order by price it is
// without one.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "definition/search_model.hpp"
#include "search/question.hpp"
#include "search/rates_mark.hpp"
#include "search/statement.hpp"

#include "boundary/prelude.hpp"

namespace itemize {

/// Most currencies whose bounds are written out, one after the other, as conditions that the planner can estimate; of
/// more of them it gets one table of bounds.
inline constexpr int kMaxInlineCurrencies = 64;

/// Appends what `price_min` and `price_max` mean for rows of the alias `t`; nothing where neither is set. Raises 22023
/// for a currency that is none or is missing, and for one whose rate is missing where nothing can be compared without.
void AppendPriceConditions(Statement &statement, const Question &question, const SearchDefinition &definition,
                           std::vector<std::string> &joins, std::vector<std::string> &conditions);

/// SQL, a numeric, of a row's price in the visitor's currency, by the same rates: null where it has none. In its own
/// currency where all rows have the same one and the question names none. Raises as AppendPriceConditions does; where
/// rows differ in currency and the question names none: 22023, or, when `optional`, it is null for all.
std::string ConvertedPrice(Statement &statement, const Question &question, const SearchDefinition &definition,
                           bool optional);

/// Where prices are converted: by which rates. Raises as ConvertedPrice does.
RatesMark MarkRates(const Question &question, const SearchDefinition &definition);

/// Decimals to which the prices of the answer are rounded, once the rates have been read: those that can be paid.
/// Nothing where no price is converted, or there is no such thing (gold).
std::optional<int> ShownDecimals(const Question &question);

/// Whether prices of the column's decimals (ten, where its type does not say) that differ still do when they are
/// converted, and rounded to kPriceDecimals. Only then are they in the order of the prices that are stored. Where rows
/// differ in currency and the question names one.
bool ConvertsDistinctly(const Question &question, const SearchDefinition &definition);

/// Parameters with the currencies that prices are compared in: their codes (text[]), the units of each for one of the
/// base (numeric[]), and those of the visitor's own (numeric).
struct PriceRates {
  std::string codes;
  std::string units;
  std::string own_units;
};

/// Where rows differ in currency and the question names one; else nothing.
std::optional<PriceRates> BindPriceRates(Statement &statement, const Question &question,
                                         const SearchDefinition &definition);

} // namespace itemize
