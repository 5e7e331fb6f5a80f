// Whether a history keeps the promises that docs/explanations/freshness.md makes.
#pragma once

#include "history.hpp"

#include <map>
#include <string>
#include <vector>

namespace itemize::faults {

/// The rules, as findings name them:
///   I1         an answer shows an older state than its position promises
///   I2         a cluster shows an older state than it has shown before
///   I3         in the end a cluster does not show what the database has
///   I4         an answer is older than the position that was asked for
///   position   a cluster's position went back, and live clients were not told to load again
///   uncommitted, undone, mixed
///              a state that was never committed; one of a transaction that the database lost, after that was told;
///              a row with the large value of another one
///   gap, order, epoch
///              a live client missed an event and was not told; got one twice or out of order; was led into another
///              epoch without a resync
///   lost       the database does not have what it confirmed (which is no fault of ours)
struct Finding {
  std::string rule;
  std::string text;
};

struct Verdict {
  std::vector<Finding> findings;
  /// What there was to judge, by name; for people.
  std::map<std::string, std::size_t> counts;
};

Verdict Judge(const History &history);

} // namespace itemize::faults
