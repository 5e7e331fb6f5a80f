// Conversion between currencies, in exact decimals, through the one base of all rates.
//
// The functions raise, so they are called where no C++ object with a destructor is alive, or through CallPg.
#pragma once

#include "boundary/prelude.hpp"

namespace itemize {

/// Decimals of a bound on a column, and of a converted price; itemize.convert has the same.
inline constexpr int kPriceDecimals = 20;

/// Units of a currency for one of the base.
struct Rate {
  const char *currency;
  Datum units; ///< numeric
};

/// A numeric from how it is written.
Datum NumericOf(const char *text);

/// The bound on prices in another currency: `bound * theirs / own`, up (a lower bound) or down (an upper one) to
/// kPriceDecimals decimals; exact.
Datum ConvertBound(Datum bound, Datum theirs, Datum own, bool up);

} // namespace itemize
