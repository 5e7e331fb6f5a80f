// A connection that writes: one random transaction after the other, each with a version of its own.
#pragma once

#include "recorder.hpp"

#include "itemize/lsn.hpp"

#include <optional>

namespace itemize::faults {

struct Written {
  std::uint64_t version = 0;
  std::optional<Position> last_change; ///< nothing when the workload ended before
};

/// Changes every key in one transaction; until that has succeeded and has a position.
Written WriteAll(Workload &workload);

/// Until writing stops. Connects again whenever the connection breaks.
void RunWriter(Workload &workload, int number);

} // namespace itemize::faults
