#include "global/trim_rules.hpp"

#include "global/piece_cut.hpp"

#include <gtest/gtest.h>

namespace itemize::sidecar {
namespace {

constexpr std::uint64_t kNow = 100'000'000;

/// A hundred marks, each for a hundred entries of a thousand bytes and a second.
StreamPicture Picture() {
  StreamPicture picture;
  picture.now = kNow;
  for (std::uint64_t i = 1; i <= 100; ++i)
    picture.marks.push_back({{i * 1000, 1}, i * 100'000, i * 100, kNow - (100 - i) * 1000});
  picture.first = {1, 1};
  picture.last = {100'000, 1};
  picture.bytes = 10'000'000;
  picture.entries = 10'000;
  picture.length = 10'000;
  return picture;
}

TrimLimits Wide() { return {1'000'000'000, 1'000'000, std::chrono::hours(24)}; }

StreamConsumer Consumer(Lsn lsn, std::uint64_t silent_ms = 0) { return {"north", {lsn, 7}, lsn, kNow - silent_ms}; }

TEST(TrimPoint, KeepsAllWithinTheLimitsWhenNobodyReads) { EXPECT_EQ(TrimPoint(Picture(), Wide()), (Version{0, 0})); }

TEST(TrimPoint, TakesWhatIsBeyondALimit) {
  TrimLimits limits = Wide();
  limits.max_bytes = 1'000'000;
  EXPECT_EQ(TrimPoint(Picture(), limits), (Version{90'000, 2}));
  limits = Wide();
  limits.max_entries = 500;
  EXPECT_EQ(TrimPoint(Picture(), limits), (Version{95'000, 2}));
  limits = Wide();
  limits.max_age = std::chrono::seconds(20);
  EXPECT_EQ(TrimPoint(Picture(), limits), (Version{80'000, 2}));
}

TEST(TrimPoint, KeepsSomeHistoryThatAllHaveRead) {
  StreamPicture picture = Picture();
  picture.clusters = {Consumer(100'000)};
  EXPECT_EQ(TrimPoint(picture, Wide()), (Version{0, 0})) << "fewer entries than are kept";
  picture.entries += 2000;
  EXPECT_EQ(TrimPoint(picture, Wide()), (Version{20'000, 2}));
  TrimLimits full = Wide();
  full.full = true;
  EXPECT_EQ(TrimPoint(picture, full), (Version{100'000, 1})) << "but for the last entry, when there is no room";
}

TEST(TrimPoint, KeepsNothingFromBeforeAnErasureThatAllHaveRead) {
  StreamPicture picture = Picture();
  picture.erased = {50'000, 3};
  EXPECT_EQ(TrimPoint(picture, Wide()), (Version{50'000, 4})) << "nobody reads";
  picture.clusters = {Consumer(40'000)};
  EXPECT_EQ(TrimPoint(picture, Wide()), (Version{40'000, 7})) << "not before the slowest has read it";
  picture.clusters = {Consumer(60'000)};
  EXPECT_EQ(TrimPoint(picture, Wide()), (Version{50'000, 4}));
  picture.erased = {100'000, 1};
  EXPECT_EQ(TrimPoint(picture, Wide()), (Version{60'000, 7}));
  picture.clusters = {Consumer(100'000)};
  EXPECT_EQ(TrimPoint(picture, Wide()), (Version{100'000, 1})) << "the last entry stays until there is another";
}

TEST(TrimPoint, WaitsForTheSlowest) {
  StreamPicture picture = Picture();
  picture.entries += 1'000'000;
  picture.clusters = {Consumer(100'000), Consumer(30'000)};
  EXPECT_EQ(TrimPoint(picture, {1'000'000'000, 10'000'000, std::chrono::hours(24)}), (Version{30'000, 7}))
      << "the entry it has read last stays";
  picture.groups = {Consumer(20'000, 86'400'000)};
  EXPECT_EQ(TrimPoint(picture, {1'000'000'000, 10'000'000, std::chrono::hours(24)}), (Version{20'000, 7}))
      << "a group counts though it is silent";
  picture.copies = {Consumer(10'000, 1000)};
  EXPECT_EQ(TrimPoint(picture, {1'000'000'000, 10'000'000, std::chrono::hours(24)}), (Version{10'000, 7}))
      << "so does a copy of rows under way";
}

TEST(TrimPoint, WaitsNotForGroupsWithoutMembersNorForCopiesThatBrokeOff) {
  StreamPicture picture = Picture();
  picture.now = 10'000'000'000;
  for (StreamMark &mark : picture.marks)
    mark.time = picture.now;
  picture.entries += 1'000'000;
  const TrimLimits limits{1'000'000'000, 10'000'000, std::chrono::hours(24)};
  const auto silent = [&](Lsn lsn, std::chrono::milliseconds time) {
    return StreamConsumer{"workers", {lsn, 7}, lsn, picture.now - static_cast<std::uint64_t>(time.count())};
  };
  picture.clusters = {silent(60'000, {})};
  picture.groups = {silent(20'000, kGroupSilence - std::chrono::minutes(1))};
  EXPECT_EQ(TrimPoint(picture, limits), (Version{20'000, 7})) << "nearly a week";
  EXPECT_TRUE(KeepsStream(picture, picture.groups.front()));
  picture.groups = {silent(20'000, kGroupSilence)};
  EXPECT_FALSE(KeepsStream(picture, picture.groups.front()));
  picture.copies = {silent(10'000, kClusterSilence)};
  EXPECT_EQ(TrimPoint(picture, limits), (Version{60'000, 7}));
}

TEST(TrimPoint, WaitsNotForWhoIsSilentNorBeyondALimit) {
  StreamPicture picture = Picture();
  picture.entries += 1'000'000;
  picture.clusters = {Consumer(60'000), Consumer(30'000, 600'000)};
  TrimLimits limits{1'000'000'000, 10'000'000, std::chrono::hours(24)};
  EXPECT_EQ(TrimPoint(picture, limits), (Version{60'000, 7}));
  limits.max_age = std::chrono::seconds(20);
  EXPECT_EQ(TrimPoint(picture, limits), (Version{80'000, 2}));
}

TEST(TrimPoint, NeverTakesTheLastEntry) {
  TrimLimits limits = Wide();
  limits.max_age = std::chrono::milliseconds(0);
  EXPECT_EQ(TrimPoint(Picture(), limits), Picture().last);
}

constexpr const char *kPiece = "B\t1\t0/10\t7\t1\t\n"
                               "I\t3\titem\t1\ta\t{\"n\":1}\t5\n"
                               "U\t4\titem\t1\ta\t{\"n\":2}\t5\n"
                               "D\t5\titem\t1\ta\n"
                               "C\t0/10\t5\n";

TEST(WithoutChangesUpTo, LeavesOutWhatTheStreamHas) {
  EXPECT_EQ(WithoutChangesUpTo(kPiece, 2), kPiece);
  EXPECT_EQ(WithoutChangesUpTo(kPiece, 4), "B\t1\t0/10\t7\t1\t\nD\t5\titem\t1\ta\nC\t0/10\t5\n");
  EXPECT_EQ(WithoutChangesUpTo(kPiece, 3),
            "B\t1\t0/10\t7\t1\t\nU\t4\titem\t1\ta\t{\"n\":2}\t5\nD\t5\titem\t1\ta\nC\t0/10\t5\n");
}

TEST(WithoutChangesUpTo, IsNeededOnlyFromTheFirstChangeOn) {
  EXPECT_FALSE(BeginsUpTo(kPiece, 2));
  EXPECT_TRUE(BeginsUpTo(kPiece, 3));
  EXPECT_TRUE(BeginsUpTo(kPiece, 9));
  EXPECT_TRUE(BeginsUpTo("B\t1\t0/10\t7\t1\t\nC\t0/10\t5\n", 1)) << "no change";
  EXPECT_TRUE(BeginsUpTo("B\t1\t0/10\t7\t1\t\n", 1)) << "no line";
  EXPECT_TRUE(BeginsUpTo("B", 1));
}

TEST(WithoutChangesUpTo, GivesAPieceThatCanBeRead) {
  const std::string cut = WithoutChangesUpTo(kPiece, 4);
  auto reader = PieceReader::Open(cut);
  ASSERT_TRUE(reader);
  Change change;
  ASSERT_TRUE(reader->Next(change));
  EXPECT_EQ(change.ordinal, 5U);
  EXPECT_FALSE(reader->Next(change));
  EXPECT_TRUE(reader->ok());
}

} // namespace
} // namespace itemize::sidecar
