// The rules for live clients: gap, order, epoch.
#pragma once

#include "judge.hpp"
#include "timeline.hpp"

namespace itemize::faults {

void JudgeLive(const History &history, const Timeline &timeline, Verdict &verdict);

} // namespace itemize::faults
