// What a batch of pieces does to the local stream: how much of it is kept, what an erasure takes off it, and when a
// large piece gets there, which is applied in steps.
#include "live/local_stream.hpp"
#include "local_copy_fixture.hpp"
#include "operate/traces.hpp"
#include "read/local_copy.hpp"
#include "redis/local_stream_size.hpp"
#include "redis/lua_prelude.hpp"
#include "redis/script.hpp"

namespace {

using namespace itemize;
using namespace itemize::sidecar;

class ApplyStreamTest : public LocalCopyTest {};

TEST_F(ApplyStreamTest, TheStreamIsHeldWithinItsEntriesAndItsBytes) {
  constexpr std::size_t kMostBytes = 100'000;
  options_.local_stream_max_bytes = kMostBytes;
  options_.local_stream_max_entries = 128;
  store_.emplace(server->endpoint(), options_);
  const LocalNamespace names(state_.name);
  const auto apply_row = [&](Lsn lsn, std::size_t bytes) {
    const std::string row = R"({"id":")" + std::string(bytes, 'x') + R"("})";
    Apply(lsn, 7, "U\t1\tt\t5\ta\t" + row + "\t" + std::to_string(row.size() - 2) + "\n");
  };
  const auto held_bytes = [&] {
    const Reply entries = redis_->Command({"XRANGE", names.Stream(), "-", "+"});
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < entries.size(); ++i)
      bytes += entries[i][1][1].Text().size();
    return bytes;
  };
  const auto first = [&] { return Get({"GET", names.Base()}); };

  for (Lsn lsn = 201; lsn <= 250; ++lsn)
    apply_row(lsn, 100);
  EXPECT_EQ(Count({"XLEN", names.Stream()}), 50);
  EXPECT_EQ(first(), "100-0") << "nothing was cut off";
  for (Lsn lsn = 251; lsn <= 1000; ++lsn)
    apply_row(lsn, 100);
  EXPECT_LE(Count({"XLEN", names.Stream()}), 128);
  EXPECT_GE(Count({"XLEN", names.Stream()}), 120);
  for (Lsn lsn = 1001; lsn <= 1100; ++lsn)
    apply_row(lsn, 9'000);
  EXPECT_LE(held_bytes(), kMostBytes);
  EXPECT_GE(held_bytes(), kMostBytes - std::size_t{2} * 9'100);
  EXPECT_EQ(Get({"HGET", names.name() + std::string(LocalNamespace::kSize), "b"}), std::to_string(held_bytes()));
  EXPECT_EQ(Get({"HGET", names.name() + std::string(LocalNamespace::kSize), "n"}),
            std::to_string(Count({"XLEN", names.Stream()})));
  EXPECT_EQ(first(), redis_->Command({"XRANGE", names.Stream(), "-", "+", "COUNT", "1"})[0][0].Text());
  apply_row(1101, 10 * kMostBytes);
  EXPECT_EQ(Count({"XLEN", names.Stream()}), 1) << "one that is longer than all stays alone";
  EXPECT_EQ(first(), "1101-1");
  using live::LocalStream;
  EXPECT_TRUE(LocalStream::Await(*redis_, names.name(), {1100, 1}, "0-0", std::chrono::milliseconds(1)).gap);
  apply_row(1102, 1);
  EXPECT_EQ(first(), "1102-1") << "and goes with the next";
  EXPECT_TRUE(LocalStream::Await(*redis_, names.name(), {1101, 1}, "0-0", std::chrono::milliseconds(1)).gap);
  apply_row(1103, 1);
  const auto arrived = LocalStream::Await(*redis_, names.name(), {1102, 1}, "0-0", std::chrono::milliseconds(1));
  EXPECT_FALSE(arrived.gap);
  EXPECT_EQ(arrived.entries.size(), 1U);
}

/// Pieces of one update each, of the keys 1 to 7 in turn, at the LSNs `first`, `first` + 10, … up to `last`.
ApplyBatch SmallPieces(Lsn first, Lsn last) {
  ApplyBatch batch;
  for (Lsn lsn = first; lsn <= last; lsn += 10) {
    const std::string row = "{\"o\":" + std::to_string(lsn) + "}";
    const std::string piece = "B\t1\t" + FormatPgLsn(lsn) + "\t7\t1000\t\nU\t1\tt\t5\t" + std::to_string(lsn / 10 % 7) +
                              "\t" + row + "\t" + std::to_string(row.size() - 2) + "\nC\t" + FormatPgLsn(lsn) + "\t1\n";
    EXPECT_EQ(batch.Add(FormatVersion({lsn, 1}), piece), ApplyBatch::Added::kWhole);
  }
  return batch;
}

TEST_F(ApplyStreamTest, SmallPiecesStandTogetherAndAreReadOneByOne) {
  using live::LocalStream;
  for (int key = 0; key < 7; ++key)
    Hold(std::to_string(key), R"({"o":0})", "5");
  ApplyBatch batch = SmallPieces(200, 1190);
  const auto applied = Apply(state_.name, batch);
  EXPECT_EQ(applied.pieces, 100);
  EXPECT_EQ(applied.touched, 100);
  EXPECT_EQ(applied.stream_entries, 100) << "counted as what they are to readers";
  EXPECT_EQ(Get({"HGET", "itemize:local", "applied"}), "1190-1");
  EXPECT_LT(Count({"XLEN", LocalNamespace(state_.name).Stream()}), 10);
  const auto all = LocalStream::Await(*redis_, state_.name, {100, 0}, "0-0", std::chrono::milliseconds(1)).entries;
  ASSERT_EQ(all.size(), 100U);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Lsn lsn = 200 + 10 * i;
    EXPECT_EQ(all[i].id, (Version{lsn, 1}));
    const auto piece = PieceReader::Open(all[i].piece);
    ASSERT_TRUE(piece.has_value());
    EXPECT_EQ(piece->header().commit_lsn, lsn);
    EXPECT_EQ(all[i].piece.rfind("\nC\t"), all[i].piece.size() - ("\nC\t" + FormatPgLsn(lsn) + "\t1\n").size())
        << "whole";
    const auto behind =
        LocalStream::Await(*redis_, state_.name, all[i].id, "0-0", std::chrono::milliseconds(1)).entries;
    EXPECT_EQ(behind.size(), all.size() - i - 1) << "from inside an entry";
    EXPECT_EQ(LocalStream::Range(*redis_, state_.name, {100, 0}, all[i].id).size(), i + 1) << "up to inside an entry";
  }
}

TEST_F(ApplyStreamTest, OfAnEntryAppliedInPartOnlyTheRestIsAdded) {
  Hold("1", R"({"o":0})", "5");
  ApplyBatch some = SmallPieces(200, 240);
  Apply(state_.name, some);
  EXPECT_EQ(Field("1", "r"), R"({"o":220})");
  redis_->Command({"HSET", Item("1"), "r", "as it was"});
  ApplyBatch more = SmallPieces(200, 290); // by another applier, which began earlier
  EXPECT_EQ(Apply(state_.name, more).pieces, 5);
  EXPECT_EQ(Field("1", "r"), R"({"o":290})");
  EXPECT_EQ(Field("1", "l"), "7");
  const auto all =
      live::LocalStream::Await(*redis_, state_.name, {100, 0}, "0-0", std::chrono::milliseconds(1)).entries;
  ASSERT_EQ(all.size(), 10U);
  for (std::size_t i = 0; i < all.size(); ++i)
    EXPECT_EQ(all[i].id, (Version{200 + 10 * i, 1}));
  redis_->Command({"HSET", Item("1"), "r", "as it was"});
  ApplyBatch again = SmallPieces(200, 290);
  EXPECT_EQ(Apply(state_.name, again).pieces, 0);
  EXPECT_EQ(Field("1", "r"), "as it was");
}

TEST_F(ApplyStreamTest, OfAnEntryThatFailsWhatCameBeforeIsAdded) {
  ApplyBatch batch = SmallPieces(200, 220);
  ASSERT_EQ(batch.Add("230-1", "B\t1\t0/E6\t7\t1000\t\nY\t1\tu\t6\teveryone\nC\t0/E6\t1\n"), ApplyBatch::Added::kWhole);
  ASSERT_EQ(batch.Add("240-1", "B\t1\t0/F0\t7\t1000\t\nY\t1\tv\t6\teveryone\nC\t0/F0\t1\n"), ApplyBatch::Added::kWhole);
  // What was planted is found out when the fourth piece writes, and nothing else of the batch needs it.
  redis_->Command({"DEL", LocalNamespace(state_.name).Types()});
  redis_->Command({"HSET", LocalNamespace(state_.name).Types(), "t", "5 everyone 0", "u", "no such state"});
  EXPECT_THROW(Apply(state_.name, batch), CopyDamaged);
  EXPECT_EQ(Get({"HGET", "itemize:local", "applied"}), "220-1");
  const auto all =
      live::LocalStream::Await(*redis_, state_.name, {100, 0}, "0-0", std::chrono::milliseconds(1)).entries;
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all.back().id, (Version{220, 1}));
  EXPECT_EQ(all.back().piece.substr(all.back().piece.size() - 9), "C\t0/DC\t1\n");
}

TEST_F(ApplyStreamTest, AnItemIsFoundInAnEntryWithOthers) {
  ApplyBatch batch = SmallPieces(200, 290);
  Apply(state_.name, batch);
  const Traces traces = FindTraces(*redis_, options_.prefix, {"t", "3"});
  ASSERT_EQ(traces.streams.size(), 1U);
  EXPECT_EQ(traces.streams[0].entries, 1U);
  EXPECT_EQ(traces.streams[0].last, (Version{290, 1}));
  EXPECT_TRUE(FindTraces(*redis_, options_.prefix, {"t", "8"}).empty());
}

constexpr const char *kLongAgo = "1000";
/// No time that a clock shows: counts as that of the next entry, however slow this machine is.
constexpr const char *kJustNow = "9999999999999";

TEST_F(ApplyStreamTest, AnErasureTakesWhatCameBeforeItWithALaterEntry) {
  const LocalNamespace names(state_.name);
  Hold("a", R"({"id":1})", "6");
  Hold("b", R"({"id":1})", "6");
  Apply(200, 7, "U\t1\tt\t5\ta\t{\"id\":2}\t6\n");
  Apply(300, 8, "M\t1\t~erased\t1\nD\t2\tt\t5\ta\n", 2);
  EXPECT_EQ(Count({"EXISTS", Item("a")}), 0) << "not even a tombstone";
  EXPECT_EQ(Count({"XLEN", names.Stream()}), 2) << "the stream's end is kept";
  SetErasedAt(kJustNow);
  Apply(350, 9, "D\t1\tt\t5\tc\n");
  EXPECT_EQ(Count({"XLEN", names.Stream()}), 3) << "who follows has not read it yet";
  SetErasedAt(kLongAgo);
  Apply(400, 9, "D\t1\tt\t5\tb\n");
  EXPECT_EQ(Count({"XLEN", names.Stream()}), 2);
  EXPECT_EQ(Get({"GET", names.Base()}), "300-2") << "who has read the erasure has missed nothing";
  EXPECT_EQ(Field("b", "d"), "1");
  Apply(500, 10, "D\t1\tt\t5\tb\n");
  EXPECT_EQ(Count({"XLEN", names.Stream()}), 3) << "once";
}

TEST_F(ApplyStreamTest, AnErasureTakesNothingThatCameInTheSameBatch) {
  const LocalNamespace names(state_.name);
  ApplyBatch batch;
  const auto add = [&](const std::string &lsn, const std::string &hex, const std::string &line) {
    EXPECT_EQ(batch.Add(lsn + "-1", "B\t1\t0/" + hex + "\t7\t1000\t\n" + line + "C\t0/" + hex + "\t1\n"),
              ApplyBatch::Added::kWhole);
  };
  add("200", "C8", "U\t1\tt\t5\ta\t{\"id\":2}\t6\n");
  add("300", "12C", "M\t1\t~erased\t1\n");
  add("400", "190", "D\t1\tt\t5\tb\n");
  Apply(state_.name, batch);
  const auto arrived = live::LocalStream::Await(*redis_, names.name(), {100, 0}, "0-0", std::chrono::milliseconds(1));
  EXPECT_FALSE(arrived.gap);
  EXPECT_EQ(arrived.entries.size(), 3U);
  SetErasedAt(kLongAgo);
  Apply(500, 9, "D\t1\tt\t5\tb\n");
  EXPECT_EQ(Get({"GET", names.Base()}), "300-1");
  EXPECT_EQ(live::LocalStream::Range(*redis_, names.name(), {100, 0}, {500, 1}).size(), 2U)
      << "what is forgotten, and nothing else, ends with the erasure's entry";
}

TEST_F(ApplyStreamTest, NewerErasuresDoNotPutOffAnOlderOne) {
  const LocalNamespace names(state_.name);
  const auto erase = [&](Lsn lsn) { Apply(lsn, 8, "M\t1\t~erased\t1\n"); };
  for (const Lsn lsn : {200U, 300U, 400U}) {
    erase(lsn);
    SetErasedAt(kJustNow);
  }
  EXPECT_EQ(Get({"GET", names.Base()}), "100-0");
  redis_->Command({"HSET", LocalStateKey(options_.prefix), LocalField::kErasedAt, kLongAgo});
  erase(500);
  EXPECT_EQ(Get({"GET", names.Base()}), "200-1") << "the first";
  SetErasedAt(kLongAgo);
  erase(600);
  EXPECT_EQ(Get({"GET", names.Base()}), "500-1") << "and all that came until then";
  SetErasedAt(kLongAgo);
  Apply(700, 9, "D\t1\tt\t5\tb\n");
  EXPECT_EQ(Get({"GET", names.Base()}), "600-1");
  EXPECT_EQ(Count({"HEXISTS", LocalStateKey(options_.prefix), LocalField::kErasedAt}), 0);
  erase(800);
  state_ = store_->Reset({Epoch{1, 1, 1}, Version{900, 3}, 899, {}});
  EXPECT_EQ(Count({"HEXISTS", LocalStateKey(options_.prefix), LocalField::kErased}), 0);
}

TEST_F(ApplyStreamTest, AnErasureInAPieceOfManyStepsIsKept) {
  const LocalNamespace names(state_.name);
  Apply(200, 7, "U\t1\tt\t5\ta\t{\"id\":2}\t6\n");
  std::string lines = "M\t1\t~erased\t1\n";
  for (int i = 2; i <= 1200; ++i)
    lines += "D\t" + std::to_string(i) + "\tt\t5\tk" + std::to_string(i) + "\n";
  const std::string piece =
      "B\t1\t" + FormatPgLsn(300) + "\t8\t1000\t\n" + lines + "C\t" + FormatPgLsn(300) + "\t1200\n";
  ApplyBatch batch;
  int steps = 1;
  Version after = {200, 1};
  for (; batch.Add("300-1200", piece) == ApplyBatch::Added::kPart; ++steps) {
    Apply(state_.name, batch, after);
    after = batch.reached();
    batch.Clear();
  }
  EXPECT_GT(steps, 1);
  Apply(state_.name, batch, after);
  SetErasedAt(kLongAgo);
  Apply(400, 9, "D\t1\tt\t5\tb\n");
  EXPECT_EQ(Get({"GET", names.Base()}), "300-1200");
  EXPECT_EQ(Count({"XLEN", names.Stream()}), 1);
}

TEST_F(ApplyStreamTest, AGapIsSeenWhenNothingIsLeftOfTheStream) {
  const RedisScript forget(std::string(kLuaPrelude) + LocalStreamSizeLua() + R"lua(
local size = read_stream_size(ARGV[1])
forget_up_to(ARGV[1], size, ARGV[2])
keep_stream_size(ARGV[1], size)
)lua");
  Apply(201, 7, "D\t1\tt\t5\ta\n");
  Apply(202, 7, "D\t1\tt\t5\ta\n");
  forget.Run(*redis_, {}, {state_.name, "202-1"});
  ASSERT_EQ(Count({"XLEN", LocalNamespace(state_.name).Stream()}), 0);
  const auto gap_after = [&](const Version &after) {
    return live::LocalStream::Await(*redis_, state_.name, after, "0-0", std::chrono::milliseconds(1)).gap;
  };
  EXPECT_TRUE(gap_after({201, 1}));
  EXPECT_FALSE(gap_after({202, 1}));
}

/// One transaction at LSN 200 in one piece: updates of the keys 1 to `count`, each row with its ordinal.
std::string LargePiece(std::uint64_t count, std::uint64_t first = 1) {
  std::string piece = "B\t1\t0/C8\t7\t1000\t\n";
  for (std::uint64_t i = first; i <= count; ++i) {
    const std::string row = "{\"o\":" + std::to_string(i) + "}";
    piece += "U\t" + std::to_string(i) + "\tt\t5\t" + std::to_string(i % 7) + "\t" + row + "\t" +
             std::to_string(row.size() - 2) + "\n";
  }
  return piece + "C\t0/C8\t" + std::to_string(count) + "\n";
}

TEST_F(ApplyStreamTest, ALargePieceIsAppliedInStepsAndThePositionMovesLast) {
  for (int key = 0; key < 7; ++key)
    Hold(std::to_string(key), R"({"o":0})", "5");
  const std::string piece = LargePiece(1250);
  ApplyBatch batch;
  int steps = 0;
  Version after;
  while (batch.Add("200-1250", piece) == ApplyBatch::Added::kPart) {
    Apply(state_.name, batch, after);
    after = batch.reached();
    batch.Clear();
    ++steps;
    EXPECT_EQ(Get({"HGET", "itemize:local", "applied"}), "100-0");
    EXPECT_EQ(Get({"HGET", "itemize:local", "step"}), "200-" + std::to_string(steps * 500));
    EXPECT_EQ(Count({"EXISTS", LocalNamespace(state_.name).Stream()}), 0) << "readers of the stream see it whole";
  }
  EXPECT_EQ(steps, 2);
  Apply(state_.name, batch, after);
  EXPECT_EQ(Get({"HGET", "itemize:local", "applied"}), "200-1250");
  EXPECT_EQ(Get({"HGET", "itemize:local", "step"}), "(nil)");
  EXPECT_EQ(Field("1", "r"), R"({"o":1247})");
  EXPECT_EQ(Count({"XLEN", LocalNamespace(state_.name).Stream()}), 1);
}

TEST_F(ApplyStreamTest, ARowFromBeforeAStepIsNotStoredBehindIt) {
  const std::string begin = "B\t1\t0/C8\t7\t1000\t\n";
  const std::string piece = begin + "U\t1\tt\t5\tcold\t{\"o\":1}\t5\n" + LargePiece(600, 2).substr(begin.size());
  redis_->Command({"HSET", "itemize:local", LocalField::kAhead, "100 - " + state_.name});
  const read::LocalCopy copy(options_);
  const auto store = [&](const read::FillLease &lease, Lsn replayed) {
    const read::RowsAsOf as_of{"", 0, replayed};
    return copy.StoreFill(*redis_, "t", lease, as_of, {"cold"}, lease.markers, {{true, R"({"o":0})", "5", "5"}})
        .outcome;
  };
  using Outcome = read::StoredFill::Outcome;
  ApplyBatch batch;
  ASSERT_EQ(batch.Add("200-600", piece), ApplyBatch::Added::kPart);
  Apply(state_.name, batch);
  const Version after = batch.reached();
  batch.Clear();
  const auto lease = copy.BeginFill(*redis_, "t", "token", {"cold"});
  ASSERT_TRUE(lease.has_value());
  EXPECT_EQ(lease->markers, std::vector<std::string>{"token"});
  EXPECT_EQ(store(*lease, 100), Outcome::kOld) << "of the position applied";
  EXPECT_EQ(store(*lease, 200), Outcome::kEarly) << "the transaction's own";
  ASSERT_EQ(batch.Add("200-600", piece), ApplyBatch::Added::kWhole);
  Apply(state_.name, batch, after);
  EXPECT_EQ(store(*lease, 150), Outcome::kOld);
  EXPECT_EQ(Count({"EXISTS", Item("cold")}), 0);
  EXPECT_EQ(store(*lease, 200), Outcome::kDone);
  EXPECT_EQ(Count({"EXISTS", Item("cold")}), 1);
}

TEST_F(ApplyStreamTest, AStepMayBeginInTheBatchInWhichAnotherPieceEnds) {
  const std::string first = LargePiece(600);
  std::string second = LargePiece(1650, 601);
  ApplyBatch batch;
  ASSERT_EQ(batch.Add("200-600", first), ApplyBatch::Added::kPart);
  Apply(state_.name, batch);
  Version after = batch.reached();
  batch.Clear();
  ASSERT_EQ(batch.Add("200-600", first), ApplyBatch::Added::kWhole);
  ApplyBatch::Added added = batch.Add("200-1650", second);
  for (; added == ApplyBatch::Added::kPart; added = batch.Add("200-1650", second)) {
    Apply(state_.name, batch, after);
    after = batch.reached();
    batch.Clear();
  }
  Apply(state_.name, batch, after);
  EXPECT_EQ(Get({"HGET", "itemize:local", "applied"}), "200-1650");
}

TEST_F(ApplyStreamTest, APieceBegunBeforeACrashDoesNotGoBack) {
  Hold("1", R"({"o":0})", "5");
  const std::string piece = LargePiece(1250);
  ApplyBatch first;
  ASSERT_EQ(first.Add("200-1250", piece), ApplyBatch::Added::kPart);
  Apply(state_.name, first);
  EXPECT_EQ(Field("1", "r"), R"({"o":498})"); // of 500 changes the last one of key 1
  // Another applier begins with the piece once more; a reader must not see an older state meanwhile.
  ApplyBatch again;
  ASSERT_EQ(again.Add("200-1250", piece), ApplyBatch::Added::kPart);
  EXPECT_EQ(Apply(state_.name, again).touched, 0);
  EXPECT_EQ(Field("1", "r"), R"({"o":498})");
}

TEST_F(ApplyStreamTest, PiecesWithOtherBoundsAreAppliedFromWhereTheOthersEnded) {
  Hold("1", R"({"o":0})", "5");
  std::string begin = LargePiece(10);
  begin.replace(begin.rfind("C\t"), 1, "P");
  ApplyBatch batch;
  ASSERT_EQ(batch.Add("200-10", begin), ApplyBatch::Added::kWhole);
  EXPECT_EQ(Apply(state_.name, batch).touched, 2); // ordinals 1 and 8
  batch.Clear();
  ASSERT_EQ(batch.Add("200-20", LargePiece(20)), ApplyBatch::Added::kWhole);
  EXPECT_EQ(Apply(state_.name, batch).touched, 1); // ordinal 15
  EXPECT_EQ(Field("1", "r"), R"({"o":15})");
  EXPECT_EQ(Get({"HGET", "itemize:local", "applied"}), "200-20");
}

} // namespace
