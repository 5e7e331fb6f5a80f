// What a batch of pieces does to the items of the local copy, and to its state.
#include "itemize/row_members.hpp"
#include "local_copy_fixture.hpp"
#include "read/local_copy.hpp"

namespace {

using namespace itemize;
using namespace itemize::sidecar;

class ApplyScriptTest : public LocalCopyTest {};

TEST_F(ApplyScriptTest, AChangeWithoutAnyMemberEndsTheCopyOfItsItem) {
  Hold("1", R"({"a":1})", "5");
  Apply(101, 7, "X\t1\tt\t5\ttoo_large\nU\t2\tt\t5\t1\t{}\t0\n", 2);
  EXPECT_EQ(Count({"EXISTS", Item("1")}), 0);
}

TEST_F(ApplyScriptTest, MessagesAndWhatWasSetAsideChangeNoItem) {
  Hold("1", R"({"a":1})", "5");
  EXPECT_EQ(Apply(101, 7, "M\t1\tt\t{\"a\":2}\nX\t2\tt\t5\ttoo_large\nM\t3\tt\t3\n", 3), 0);
  EXPECT_EQ(Field("1", "r"), R"({"a":1})");
  EXPECT_EQ(Get({"HGET", LocalStateKey(options_.prefix), LocalField::kApplied}), "101-3");
}

TEST_F(ApplyScriptTest, AKeyThatIsNotHeldIsLeftAlone) {
  EXPECT_EQ(Apply(200, 7, "I\t1\tt\t5\ta\t{\"id\":1}\t6\n"), 0);
  EXPECT_EQ(Count({"EXISTS", Item("a")}), 0);
  EXPECT_EQ(Get({"HGET", "itemize:local", "applied"}), "200-1");
  EXPECT_EQ(Count({"XLEN", LocalNamespace(state_.name).Stream()}), 1);
}

TEST_F(ApplyScriptTest, AHeldKeyFollows) {
  Hold("a", R"({"id":1})", "6");
  EXPECT_EQ(Apply(200, 7, "U\t1\tt\t5\ta\t{\"id\":22}\t7\n"), 1);
  EXPECT_EQ(Field("a", "r"), R"({"id":22})");
  EXPECT_EQ(Field("a", "l"), "7");
  Apply(300, 8, "D\t1\tt\t5\ta\n");
  EXPECT_EQ(Field("a", "d"), "1");
  EXPECT_EQ(Field("a", "r"), "(nil)");
  EXPECT_LE(Count({"TTL", Item("a")}), options_.missing_ttl.count());
  Apply(400, 9, "I\t1\tt\t5\ta\t{\"id\":3}\t6\n");
  EXPECT_EQ(Field("a", "r"), R"({"id":3})");
  EXPECT_EQ(Field("a", "d"), "(nil)");
  EXPECT_GT(Count({"TTL", Item("a")}), options_.missing_ttl.count());
}

TEST_F(ApplyScriptTest, APieceIsAppliedOnce) {
  Hold("a", R"({"id":1})", "6");
  Apply(200, 7, "U\t1\tt\t5\ta\t{\"id\":2}\t6\n");
  EXPECT_EQ(Apply(200, 7, "U\t1\tt\t5\ta\t{\"id\":9}\t6\n"), 0);
  EXPECT_EQ(Apply(199, 7, "U\t1\tt\t5\ta\t{\"id\":9}\t6\n", 5), 0);
  EXPECT_EQ(Field("a", "r"), R"({"id":2})");
}

TEST_F(ApplyScriptTest, CompleteMovesOnlyWithWholeTransactions) {
  const auto complete = [&] { return Get({"HGET", "itemize:local", LocalField::kComplete}); };
  EXPECT_EQ(complete(), "100");
  ApplyBatch parts;
  ASSERT_EQ(parts.Add("200-1", "B\t1\t0/C8\t7\t1000\t\nD\t1\tt\t5\ta\nP\t0/C8\t1\n"), ApplyBatch::Added::kWhole);
  Apply(state_.name, parts);
  EXPECT_EQ(Get({"HGET", "itemize:local", "applied"}), "200-1");
  EXPECT_EQ(complete(), "100");
  ApplyBatch end;
  ASSERT_EQ(end.Add("200-2", "B\t1\t0/C8\t7\t1000\t\nD\t2\tt\t5\ta\nC\t0/C8\t2\n"), ApplyBatch::Added::kWhole);
  Apply(state_.name, end);
  EXPECT_EQ(complete(), "200");
  ApplyBatch heartbeat;
  ASSERT_EQ(heartbeat.Add("300-0", "H\t1\t0/12C\n"), ApplyBatch::Added::kWhole);
  Apply(state_.name, heartbeat);
  EXPECT_EQ(complete(), "300");
  state_ = store_->Reset({Epoch{1, 1, 1}, Version{900, 3}, 899, {}});
  EXPECT_EQ(complete(), "899");
}

TEST_F(ApplyScriptTest, CompleteIsRaisedByWhatHasPassedOnceItsEntriesAreApplied) {
  const auto complete = [&] { return Get({"HGET", "itemize:local", LocalField::kComplete}); };
  Apply(200, 7, "D\t1\tt\t5\ta\n");
  store_->RaiseComplete(state_.name, {250, {210, 1}});
  EXPECT_EQ(complete(), "200") << "an entry is still to come";
  store_->RaiseComplete("itemize:{1.1.1.1}", {250, {200, 1}});
  EXPECT_EQ(complete(), "200") << "of another copy";
  store_->RaiseComplete(state_.name, {250, {200, 1}});
  EXPECT_EQ(complete(), "250");
  store_->RaiseComplete(state_.name, {240, {200, 1}});
  EXPECT_EQ(complete(), "250") << "late news takes nothing back";
}

TEST_F(ApplyScriptTest, AbsentMembersComeFromTheHeldRow) {
  const std::string held = R"({"id":1,"big":"a,b","n":2})";
  Hold("a", held, "6,11,5");
  Apply(200, 7, "U\t1\tt\t5\ta\t{\"id\":1,\"n\":33}\t6,0,6\n");
  const auto expected = MergeRow(R"({"id":1,"n":33})", "6,0,6", held, "6,11,5");
  ASSERT_TRUE(expected.has_value());
  EXPECT_EQ(Field("a", "r"), expected->row);
  EXPECT_EQ(Field("a", "l"), expected->member_lengths);
}

TEST_F(ApplyScriptTest, ARowThatCannotBeMergedIsForgotten) {
  Hold("a", R"({"id":1})", "6");
  Apply(200, 7, "U\t1\tt\t5\ta\t{\"id\":1}\t6,0\n");
  EXPECT_EQ(Count({"EXISTS", Item("a")}), 0);
  redis_->Command({"HSET", Item("b"), "d", "1"});
  Apply(300, 8, "U\t1\tt\t5\tb\t{\"id\":1}\t6,0\n");
  EXPECT_EQ(Count({"EXISTS", Item("b")}), 0);
}

TEST_F(ApplyScriptTest, AnItemReadAheadOfTheStreamDoesNotGoBack) {
  Hold("a", R"({"id":9})", "6", "10:20:12,15");
  for (const std::uint64_t contained : {9U, 10U, 19U}) {
    Apply(200 + contained, contained, "U\t1\tt\t5\ta\t{\"id\":1}\t6\n");
    EXPECT_EQ(Field("a", "r"), R"({"id":9})") << contained;
  }
  Apply(300, 15, "U\t1\tt\t5\ta\t{\"id\":2}\t6\n");
  EXPECT_EQ(Field("a", "r"), R"({"id":2})");
  EXPECT_EQ(Field("a", "s"), "(nil)");
}

TEST_F(ApplyScriptTest, EveryEventOfAKeyEndsTheWatchOnIt) {
  const auto watched = [&](const std::string &snapshot, Lsn lsn, const std::string &line) {
    redis_->Command({"DEL", Item("a")});
    Hold("a", R"({"id":1})", "6", snapshot);
    redis_->Command({"HSET", Item("a"), ItemField::kWatch, "token"});
    Apply(lsn, 7, line);
    return Field("a", ItemField::kWatch) != "(nil)";
  };
  EXPECT_FALSE(watched("", 200, "U\t1\tt\t5\ta\t{\"id\":1}\t6\n")) << "the same bytes";
  EXPECT_FALSE(watched("", 300, "D\t1\tt\t5\ta\n"));
  EXPECT_FALSE(watched("", 400, "U\t1\tt\t5\ta\t{}\t0\n")) << "merged";
  EXPECT_FALSE(watched("", 500, "U\t1\tt\t5\ta\t{}\t0,0\n")) << "forgotten";
  EXPECT_FALSE(watched("9:9:", 600, "U\t1\tt\t5\ta\t{\"id\":2}\t6\n")) << "left aside, as the fill contained it";
  EXPECT_TRUE(watched("", 700, "U\t1\tt\t5\tb\t{\"id\":2}\t6\n")) << "another key's";
}

TEST_F(ApplyScriptTest, AFillCollectsWhatPasses) {
  ASSERT_TRUE(read::LocalCopy(options_).BeginFill(*redis_, "t", "token", {"a"}));
  EXPECT_EQ(Apply(200, 7, "U\t1\tt\t5\ta\t{\"id\":2}\t6,0\nD\t2\tt\t5\ta\n", 2), 2);
  EXPECT_EQ(Get({"LINDEX", Fill("a"), "1"}), "7\tU\t{\"id\":2}\t6,0");
  EXPECT_EQ(Get({"LINDEX", Fill("a"), "2"}), "7\tD\t\t");
  EXPECT_EQ(Count({"EXISTS", Item("a")}), 0);
  for (Lsn lsn = 300; lsn < 300 + kMaxFillEvents; ++lsn)
    Apply(lsn, 8, "D\t1\tt\t5\ta\n");
  EXPECT_EQ(Count({"EXISTS", Fill("a")}), 0);
}

TEST_F(ApplyScriptTest, EveryMarkerOfAFillIsListed) {
  const read::LocalCopy copy(options_);
  const auto listed = [&] { return Count({"ZCARD", Fills()}); };
  const read::RowsAsOf as_of{"10:10:", 0, std::nullopt};
  const read::FetchedItem fetched{true, R"({"id":1})", "6", "5"};
  const auto lease = copy.BeginFill(*redis_, "t", "token", {"a", "b", "c"});
  ASSERT_TRUE(lease);
  EXPECT_EQ(listed(), 3);
  EXPECT_EQ(Count({"TTL", Fills()}), -1) << "else it could be evicted, and the markers not";
  copy.StoreFill(*redis_, "t", *lease, as_of, {"a"}, lease->markers, {fetched});
  EXPECT_EQ(listed(), 2);
  copy.AbandonFill(*redis_, "t", *lease, {"b"});
  EXPECT_EQ(listed(), 1);
  copy.Forget(*redis_, "t", {"c"});
  EXPECT_EQ(listed(), 0);
}

TEST_F(ApplyScriptTest, AMarkerThatIsNotListedHasCollectedNothingAndIsNotUsed) {
  const read::LocalCopy copy(options_);
  const read::RowsAsOf as_of{"10:10:", 0, std::nullopt};
  const read::FetchedItem fetched{true, R"({"id":1})", "6", "5"};
  const auto lease = copy.BeginFill(*redis_, "t", "first", {"a"});
  ASSERT_TRUE(lease);
  redis_->Command({"DEL", Fills()}); // evicted, by a policy that takes keys without an expiry
  EXPECT_EQ(Apply(200, 11, "U\t1\tt\t5\ta\t{\"id\":2}\t6\n"), 0);
  EXPECT_EQ(copy.StoreFill(*redis_, "t", *lease, as_of, {"a"}, lease->markers, {fetched}).items[0].state,
            read::HeldItem::State::kUnknown);
  const auto again = copy.BeginFill(*redis_, "t", "second", {"a"});
  ASSERT_TRUE(again);
  EXPECT_EQ(again->markers, std::vector<std::string>{"second"}) << "not the one that missed the event";
  EXPECT_EQ(Count({"LLEN", Fill("a")}), 1);
}

TEST_F(ApplyScriptTest, WhatIsListedOfMarkersThatExpiredGoes) {
  ASSERT_TRUE(read::LocalCopy(options_).BeginFill(*redis_, "t", "token", {"a", "b"}));
  redis_->Command({"ZADD", Fills(), "1000", redis_->Command({"ZRANGE", Fills(), "0", "0"})[0].Text()});
  Apply(200, 7, "D\t1\tt\t5\tx\n");
  EXPECT_EQ(Count({"ZCARD", Fills()}), 1) << "one was of another time, one is under way";
}

// What the short way for items of two fields must not mistake for a row and its lengths.
TEST_F(ApplyScriptTest, AMissingItemWithASnapshotOrAWatchIsNoRow) {
  const std::string insert = "I\t1\tt\t5\ta\t{\"id\":1}\t6\n";
  redis_->Command({"HSET", Item("a"), "d", "1", "s", "10:10:"});
  Apply(200, 9, insert);
  EXPECT_EQ(Field("a", "d"), "1") << "the fill was ahead of this event";
  EXPECT_EQ(Count({"HLEN", Item("a")}), 2);
  Apply(300, 10, insert);
  EXPECT_EQ(Field("a", "r"), R"({"id":1})");
  EXPECT_EQ(Count({"HLEN", Item("a")}), 2);
  redis_->Command({"DEL", Item("a")});
  redis_->Command({"HSET", Item("a"), "d", "1", "w", "token"});
  Apply(400, 11, insert);
  EXPECT_EQ(Field("a", "l"), "6");
  EXPECT_EQ(Count({"HLEN", Item("a")}), 2);
  redis_->Command({"HDEL", Item("a"), "l"});
  redis_->Command({"HSET", Item("a"), "x", "not ours"});
  EXPECT_EQ(Apply(500, 12, insert), 0);
  EXPECT_EQ(Count({"EXISTS", Item("a")}), 0);
}

TEST_F(ApplyScriptTest, TruncateAndDefinitionPutItemsOutOfReach) {
  EXPECT_EQ(Types(), "5 everyone 0");
  Apply(200, 7, "T\t1\tt\t5\n");
  EXPECT_EQ(Types(), "5 everyone 1");
  Hold("a", R"({"id":1})", "6"); // under the old counter
  EXPECT_EQ(Apply(300, 8, "U\t1\tt\t5\ta\t{\"id\":2}\t6\n"), 0);
  Apply(400, 9, "Y\t1\tt\t6\tnobody\n");
  EXPECT_EQ(Types(), "6 nobody 0");
  Apply(500, 10, "Y\t1\tt\t5\teveryone\nT\t2\tt\t5\n", 2); // late news of an older definition
  EXPECT_EQ(Types(), "6 nobody 0");
  Apply(600, 11, "Y\t1\tt\t6\t-\n");
  EXPECT_EQ(Types(), "6 - 0");
}

TEST_F(ApplyScriptTest, AResetBeginsAnEmptyCopy) {
  Hold("a", R"({"id":1})", "6");
  const std::string old_item = Item("a");
  const std::string old_name = state_.name;
  state_ = store_->Reset({Epoch{1, 1, 1}, Version{900, 3}, 899, {{"t", "5 everyone"}}});
  EXPECT_NE(state_.name, old_name);
  EXPECT_EQ(Get({"GET", LocalNamespace(state_.name).Base()}), "900-3");
  EXPECT_EQ(Count({"EXISTS", Item("a")}), 0);
  while (store_->Sweep()) {
  }
  EXPECT_EQ(Count({"EXISTS", old_item}), 0);
  const std::string heartbeat = FormatHeartbeat(1000);
  ApplyBatch batch;
  ASSERT_EQ(batch.Add("1000-0", heartbeat), ApplyBatch::Added::kWhole);
  EXPECT_THROW(Apply(old_name, batch), NamespaceChanged);
  const auto read = store_->ReadState();
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->applied, (Version{900, 3}));
}

TEST_F(ApplyScriptTest, ADamagedCopyIsReported) {
  redis_->Command({"DEL", LocalNamespace(state_.name).Types()});
  redis_->Command({"SET", LocalNamespace(state_.name).Types(), "no hash"});
  EXPECT_THROW(Apply(200, 7, "U\t1\tt\t5\ta\t{\"id\":2}\t6\n"), CopyDamaged);
}

TEST_F(ApplyScriptTest, AKeyOfAnotherTypeIsDroppedAndNothingElse) {
  redis_->Command({"SET", Item("a"), "no hash"});
  ASSERT_TRUE(read::LocalCopy(options_).BeginFill(*redis_, "t", "before", {"a"}));
  redis_->Command({"SET", Fill("a"), "no list"});
  Hold("b", R"({"id":1})", "6");
  EXPECT_EQ(Apply(200, 7, "U\t1\tt\t5\ta\t{\"id\":2}\t6\nU\t2\tt\t5\tb\t{\"id\":2}\t6\n", 2), 2);
  EXPECT_EQ(Count({"EXISTS", Item("a"), Fill("a")}), 0);
  EXPECT_EQ(Field("b", "r"), R"({"id":2})");

  redis_->Command({"SET", Item("a"), "no hash"});
  redis_->Command({"SET", Fill("b"), "no list"});
  redis_->Command({"DEL", Item("b")});
  store_->Release();
  const read::LocalCopy copy(options_);
  const auto read = copy.Read(*redis_, "t", {"a", "b"}, {});
  ASSERT_EQ(read.items.size(), 2U);
  EXPECT_EQ(read.items[0].state, read::HeldItem::State::kUnknown);
  const auto lease = copy.BeginFill(*redis_, "t", "token", {"a", "b"});
  ASSERT_TRUE(lease);
  EXPECT_EQ(lease->markers, (std::vector<std::string>{"token", "token"}));
  redis_->Command({"SET", Fill("a"), "no list"});
  redis_->Command({"SET", Item("b"), "no hash"});
  read::RowsAsOf as_of;
  as_of.snapshot = "10:10:";
  const read::FetchedItem fetched{true, R"({"id":3})", "6", "5"};
  const auto stored = copy.StoreFill(*redis_, "t", *lease, as_of, {"a", "b"}, lease->markers, {fetched, fetched});
  EXPECT_EQ(stored.items[0].state, read::HeldItem::State::kUnknown) << "its marker has collected nothing";
  EXPECT_EQ(stored.items[1].row, R"({"id":3})");
  redis_->Command({"DEL", Fill("a")});
  redis_->Command({"SET", Fill("a"), "no list"});
  copy.AbandonFill(*redis_, "t", *lease, {"a"});
  EXPECT_EQ(Count({"EXISTS", Fill("a")}), 0);
}

TEST_F(ApplyScriptTest, AStateOfAnotherTypeIsNoCopy) {
  redis_->Command({"DEL", LocalStateKey(options_.prefix)});
  redis_->Command({"SET", LocalStateKey(options_.prefix), "no hash"});
  EXPECT_FALSE(store_->ReadState());
  store_->Reset({Epoch{1, 1, 1}, Version{900, 3}, 899, {}});
  EXPECT_TRUE(store_->ReadState());
}

TEST_F(ApplyScriptTest, ARedisThatDoesNotTakeWritesIsNoDamage) {
  const auto refused = [&](const std::string &code, const std::string &setting, const std::string &value) {
    Hold("a", R"({"id":1})", "6");
    const std::string before = std::string(redis_->Command({"CONFIG", "GET", setting})[1].Text());
    redis_->Command({"CONFIG", "SET", setting, value});
    std::string problem;
    try {
      Apply(200, 7, "U\t1\tt\t5\ta\t{\"id\":2}\t6\n");
    } catch (const RedisReplyError &error) {
      if (error.Is(code)) problem = code;
    } catch (const CopyDamaged &error) {
      problem = std::string("damage: ") + error.what();
    }
    redis_->Command({"CONFIG", "SET", setting, before});
    EXPECT_EQ(problem, code);
    EXPECT_EQ(Field("a", "r"), R"({"id":1})");
    EXPECT_EQ(Get({"HGET", "itemize:local", "applied"}), "100-0");
  };
  refused("OOM", "maxmemory", "1");
  refused("NOREPLICAS", "min-replicas-to-write", "1");
  EXPECT_EQ(Apply(200, 7, "U\t1\tt\t5\ta\t{\"id\":2}\t6\n"), 1) << "as soon as it does";
}

TEST_F(ApplyScriptTest, ABatchAfterOneThatFailedChangesNothing) {
  Hold("a", R"({"id":1})", "6");
  ApplyBatch batch;
  ASSERT_EQ(batch.Add("300-1", "B\t1\t0/12C\t7\t1000\t\nD\t1\tt\t5\ta\nC\t0/12C\t1\n"), ApplyBatch::Added::kWhole);
  EXPECT_THROW(Apply(state_.name, batch, {200, 1}), RedisReplyError);
  EXPECT_EQ(Field("a", "r"), R"({"id":1})");
  EXPECT_EQ(Get({"HGET", "itemize:local", "applied"}), "100-0");
}

TEST(ApplyBatch, RefusesAMalformedPieceAndStaysAsItWas) {
  ApplyBatch batch;
  EXPECT_EQ(batch.Add("16-1", "B\t1\t0/10\t1\t0\t\nD\t1\ta\t1\tk\n"), ApplyBatch::Added::kMalformed);
  EXPECT_EQ(batch.Add("16-1", "nonsense"), ApplyBatch::Added::kMalformed);
  EXPECT_TRUE(batch.empty());
  batch.End();
  EXPECT_EQ(batch.entry_arguments().arguments(), 0U);
}

} // namespace
