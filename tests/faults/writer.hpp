// A connection that writes: one random transaction after the other, each with a version of its own.
#pragma once

#include "recorder.hpp"

namespace itemize::faults {

/// Changes every key in one transaction; until that has succeeded. Returns its version.
std::uint64_t WriteAll(Workload &workload);

/// Until writing stops. Connects again whenever the connection breaks.
void RunWriter(Workload &workload, int number);

} // namespace itemize::faults
