#include "judge.hpp"

#include "judge_live.hpp"
#include "judge_reads.hpp"
#include "timeline.hpp"

namespace itemize::faults {

Verdict Judge(const History &history) {
  const Timeline timeline(history);
  Verdict verdict;
  std::size_t unknown = 0;
  for (const Write &write : history.writes) {
    if (write.outcome == Outcome::kUnknown) ++unknown;
    const std::size_t last = timeline.last_history();
    // Only the last look, at the end, is a complete one.
    if (!history.final_state || write.outcome != Outcome::kCommitted || timeline.HistoryAt(write.begin) != last)
      continue;
    if (history.had.size() > last && !history.had[last].empty() && history.had[last].count(write.version) == 0) {
      verdict.findings.push_back({"lost", "transaction " + std::to_string(write.version)});
    }
  }
  verdict.counts["writes"] = history.writes.size();
  verdict.counts["writes of unknown outcome"] = unknown;
  verdict.counts["writes lost by the database"] = timeline.lost_count();
  verdict.counts["reads"] = history.reads.size();
  verdict.counts["times the database went back"] = history.gone_back.size();
  JudgeReads(history, timeline, verdict);
  JudgeLive(history, timeline, verdict);
  return verdict;
}

} // namespace itemize::faults
