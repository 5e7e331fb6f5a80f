// Itemize-Min-Position and Prefer: wait: when a copy has reached what a client has seen, and how a request says so.
#include "http/min_position.hpp"

#include <gtest/gtest.h>

#include <string>
#include <variant>

namespace itemize::sidecar::http {
namespace {

using read::PositionReached;
using read::ReachedBy;

constexpr Epoch kEpoch{7, 1, 1000};

Position At(Lsn lsn, std::uint64_t ordinal, const Epoch &epoch = kEpoch) { return {epoch, {lsn, ordinal}}; }

TEST(MinPosition, OrdinalZeroStandsForWholeTransactions) {
  EXPECT_EQ(ReachedBy(At(100, 0), At(100, 3), 100), PositionReached::kYes);
  EXPECT_EQ(ReachedBy(At(100, 0), At(100, 3), 90), PositionReached::kNotYet) << "more pieces of it follow";
  EXPECT_EQ(ReachedBy(At(100, 0), At(99, 9), 99), PositionReached::kNotYet);
  EXPECT_EQ(ReachedBy(At(100, 0), At(120, 1), 90), PositionReached::kYes) << "a later one is under way";
}

TEST(MinPosition, AnOrdinalStandsForItsChange) {
  EXPECT_EQ(ReachedBy(At(100, 2), At(100, 3), 90), PositionReached::kYes);
  EXPECT_EQ(ReachedBy(At(100, 4), At(100, 3), 90), PositionReached::kNotYet);
  EXPECT_EQ(ReachedBy(At(100, 4), At(100, 3), 100), PositionReached::kYes) << "there is no more of it";
}

TEST(MinPosition, EpochsAreNotCompared) {
  const Epoch over{7, 1, 999};
  const Epoch next{7, 2, 1001};
  const Epoch other{8, 1, 1000};
  EXPECT_EQ(ReachedBy(At(1, 0, over), At(100, 1), 100), PositionReached::kOtherEpoch);
  EXPECT_EQ(ReachedBy(At(1, 0, other), At(100, 1), 100), PositionReached::kOtherEpoch);
  EXPECT_EQ(ReachedBy(At(1, 0, next), At(100, 1), 100), PositionReached::kNotYet) << "this copy has not come to it";
}

RequestHead Head(const std::vector<HeaderField> &fields) {
  RequestHead head;
  head.fields = fields;
  return head;
}

std::optional<long> Wait(const std::string &preference) {
  const auto wait = PreferredWait(Head({{"prefer", preference}}));
  return wait ? std::optional<long>(wait->count()) : std::nullopt;
}

TEST(PreferredWait, IsFoundAmongPreferences) {
  EXPECT_EQ(Wait("wait=5"), 5);
  EXPECT_EQ(Wait("respond-async, WAIT = 7; foo=\"a,wait=9\""), 7);
  EXPECT_EQ(Wait("x=\"a,wait=9\\\"\", wait=\"3\""), 3);
  EXPECT_EQ(Wait("wait=0"), 0);
  EXPECT_EQ(Wait("wait=1, wait=2"), 1);
  EXPECT_EQ(Wait("wait=31"), 30);
  EXPECT_EQ(Wait("wait=99999999999999999999999"), 30);
  for (const char *none : {"", "wait", "wait=", "wait=-1", "wait=1.5", "waiter=1", "x;wait=1", ",;=,", "\"wait=1"}) {
    EXPECT_EQ(Wait(none), std::nullopt) << none;
  }
}

TEST(Demand, IsOnePositionOrNone) {
  EXPECT_FALSE(std::get<read::ReadDemand>(ParseDemand(Head({{"Prefer", "wait=3"}}))).at_least);
  const auto demand = std::get<read::ReadDemand>(
      ParseDemand(Head({{"itemize-min-position", " 7.1.1000:100-0 "}, {"Prefer", "wait=3"}})));
  EXPECT_EQ(demand.at_least, At(100, 0));
  EXPECT_EQ(demand.wait, std::chrono::seconds(3));
  EXPECT_EQ(std::get<read::ReadDemand>(ParseDemand(Head({{"Itemize-Min-Position", "7.1.1000:100-0"}}))).wait,
            kDefaultPositionWait);
  const HeaderField good{"Itemize-Min-Position", "7.1.1000:100-0"};
  EXPECT_TRUE(std::holds_alternative<Problem>(ParseDemand(Head({good, good}))));
  for (const char *bad : {"", "100-0", "7.1.1000:100", "7.1:100-0", "7.1.1000:-1-0"}) {
    EXPECT_TRUE(std::holds_alternative<Problem>(ParseDemand(Head({{"Itemize-Min-Position", bad}})))) << bad;
  }
}

} // namespace
} // namespace itemize::sidecar::http
