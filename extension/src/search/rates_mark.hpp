// By which rates a page converted prices, so that the next one goes by the same.
#pragma once

#include <cstdint>

namespace itemize {

struct RatesMark {
  std::int64_t at;    ///< a moment that they were current at, the first one: a timestamptz as the server has it
  std::uint64_t hash; ///< of what they were: rates may be written afterwards for a moment that is gone
};

} // namespace itemize
