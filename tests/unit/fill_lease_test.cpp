// Who may fill a key, and whose answer is stored: leases and tokens of the markers of fills.
#include "local_copy_fixture.hpp"
#include "read/local_copy.hpp"

namespace {

using namespace itemize;
using namespace itemize::sidecar;
using read::FetchedItem;
using read::FillLease;
using read::HeldItem;
using read::LocalCopy;

/// LocalCopy's lease of a marker.
constexpr std::int64_t kLeaseMilliseconds = 250;

class FillLeaseTest : public LocalCopyTest {
protected:
  void SetUp() override {
    LocalCopyTest::SetUp();
    store_->Release();
  }
  FillLease Begin(const std::string &token, const std::string &key = "a") {
    auto lease = copy_.BeginFill(*redis_, "t", token, {key});
    EXPECT_TRUE(lease);
    return std::move(*lease);
  }
  /// Stores what the database answered under a snapshot of before transaction 7.
  HeldItem Store(const FillLease &lease, const std::string &row) {
    read::RowsAsOf as_of;
    as_of.snapshot = "7:7:";
    as_of.inserted = 150;
    const FetchedItem fetched{true, row, "5", "5"};
    return copy_.StoreFill(*redis_, "t", lease, as_of, {"a"}, lease.markers, {fetched}).items.front();
  }
  std::int64_t Now() {
    const Reply time = redis_->Command({"TIME"});
    return std::stoll(std::string(time[0].Text())) * 1000 + std::stoll(std::string(time[1].Text())) / 1000;
  }
  /// As if its owner had been given the marker long ago.
  void LetLeaseEnd() {
    std::string first = Get({"LINDEX", Fill("a"), "0"});
    const std::size_t begin = first.find(' ') + 1;
    first.replace(begin, first.find(' ', begin) - begin, "1");
    redis_->Command({"LSET", Fill("a"), "0", first});
  }

  const LocalCopy copy_{options_};
};

TEST_F(FillLeaseTest, OneFillAtATimeHasAKey) {
  for (int i = 0;; ++i) {
    const std::string key = std::to_string(i);
    const std::int64_t begun = Now();
    EXPECT_EQ(Begin("first", key).markers, std::vector<std::string>{"first"});
    const FillLease second = Begin("second", key);
    const FillLease again = Begin("first", key);
    if (Now() - begun >= kLeaseMilliseconds) continue; // a slow machine: the lease may have ended
    EXPECT_EQ(second.markers, std::vector<std::string>{""});
    EXPECT_EQ(again.markers, std::vector<std::string>{"first"}) << "whose answer was lost asks once more";
    return;
  }
}

TEST_F(FillLeaseTest, WhoComesAfterTheLeaseUsesTheSameMarkerAndTheFirstAnswerIsStored) {
  const FillLease late = Begin("late");
  LetLeaseEnd();
  const FillLease next = Begin("next");
  EXPECT_EQ(next.markers, std::vector<std::string>{"late"});
  Apply(200, 8, "U\t1\tt\t5\ta\t{\"n\":2}\t5\n"); // which neither has read
  EXPECT_EQ(Store(next, R"({"n":1})").row, R"({"n":2})");
  EXPECT_EQ(Store(late, R"({"n":1})").state, HeldItem::State::kUnknown);
  EXPECT_EQ(Field("a", "r"), R"({"n":2})");
}

TEST_F(FillLeaseTest, AFillWhoseMarkerExpiredStoresNothingUnderAnothers) {
  const FillLease late = Begin("late");
  redis_->Command({"DEL", Fill("a")});            // as it expires
  Apply(200, 8, "U\t1\tt\t5\ta\t{\"n\":2}\t5\n"); // and nothing collects this
  const FillLease next = Begin("next");
  EXPECT_EQ(next.markers, std::vector<std::string>{"next"});
  EXPECT_EQ(Store(late, R"({"n":1})").state, HeldItem::State::kUnknown);
  EXPECT_EQ(Count({"EXISTS", Item("a")}), 0) << "what it read is older than what has been applied";
  copy_.AbandonFill(*redis_, "t", late, {"a"});
  EXPECT_EQ(Store(next, R"({"n":2})").row, R"({"n":2})") << "the other's marker is left to it";
  EXPECT_EQ(Field("a", "r"), R"({"n":2})");
}

} // namespace
