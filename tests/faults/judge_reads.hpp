// The rules for reads: I1 to I4, position, uncommitted, undone, mixed.
#pragma once

#include "judge.hpp"
#include "timeline.hpp"

namespace itemize::faults {

void JudgeReads(const History &history, const Timeline &timeline, Verdict &verdict);

} // namespace itemize::faults
