#include "read/memory_cache.hpp"

#include <gtest/gtest.h>

namespace itemize::sidecar::read {
namespace {

Position At(Lsn lsn) { return {Epoch{1, 1, 1}, {lsn, 1}}; }

class MemoryCacheTest : public testing::Test {
protected:
  MemoryCacheTest() { cache_.Clear(At(100)); }

  void Keep(const std::string &key, const std::string &row, Lsn read_at = 100) {
    cache_.Keep("item", key, "stamp of " + row.substr(0, 20), row, At(read_at));
  }
  std::string Row(const std::string &key, const std::string &type = "item") {
    const SharedItem item = cache_.Find(type, key);
    return item ? item->row : "-";
  }

  Metrics metrics_;
  MemoryCache cache_{10'000, metrics_};
};

TEST_F(MemoryCacheTest, KeepsTheNewestOfAnItemWithItsStampAndTag) {
  Keep("1", "old");
  Keep("1", "new");
  const SharedItem item = cache_.Find("item", "1");
  ASSERT_TRUE(item);
  EXPECT_EQ(item->row, "new");
  EXPECT_EQ(item->stamp, "stamp of new");
  EXPECT_EQ(item->entity_tag.size(), 24U);
  EXPECT_EQ(Row("1", "other"), "-");
}

TEST_F(MemoryCacheTest, KeepsNothingOlderThanWhatItHasBeenToldOf) {
  cache_.ForgetChanges("", At(200));
  Keep("1", "before it", 199);
  EXPECT_EQ(Row("1"), "-");
  Keep("1", "since", 200);
  EXPECT_EQ(Row("1"), "since");
  cache_.Keep("item", "2", "stamp", "of another epoch", {Epoch{1, 1, 2}, {300, 1}});
  EXPECT_EQ(Row("2"), "-");
}

TEST_F(MemoryCacheTest, KeepsNothingBeforeThereIsACopy) {
  MemoryCache fresh(10'000, metrics_);
  fresh.Keep("item", "1", "stamp", "row", At(100));
  EXPECT_FALSE(fresh.Find("item", "1"));
}

TEST_F(MemoryCacheTest, ForgetsWhatAPieceChanges) {
  for (const char *key : {"1", "2", "3"})
    Keep(key, "row");
  cache_.Keep("items", "1", "stamp", "of a type with a longer name", At(100));
  cache_.ForgetChanges("B\t1\t0/C8\t7\t1\t\nU\t1\titem\t1\t1\t{\"n\":1}\t5\nD\t2\titem\t1\t3\nC\t0/C8\t2\n", At(200));
  EXPECT_EQ(Row("1") + Row("2") + Row("3"), "-row-");
  cache_.ForgetChanges("B\t1\t0/12C\t8\t1\t\nT\t1\titem\t1\nC\t0/12C\t1\n", At(300));
  EXPECT_EQ(Row("2"), "-");
  EXPECT_EQ(Row("1", "items"), "of a type with a longer name");
}

TEST_F(MemoryCacheTest, TheItemsUsedLastStay) {
  const std::string row(800, 'x');
  for (int i = 0; i < 20; ++i) {
    Keep(std::to_string(i), row);
    Row("0");
  }
  EXPECT_EQ(Row("0"), row);
  EXPECT_EQ(Row("1"), "-");
  EXPECT_EQ(Row("19"), row);
  Keep("large", std::string(2000, 'x'));
  EXPECT_EQ(Row("large"), "-") << "one item does not push out all others";
}

TEST_F(MemoryCacheTest, KeepsWhatARowIsUnderACodingWithTheRow) {
  const std::string row(kLeastCompressed, 'x');
  Keep("1", row);
  const SharedItem before = cache_.Find("item", "1");
  EXPECT_TRUE(before->Knows(Coding::kIdentity));
  EXPECT_FALSE(before->Knows(Coding::kGzip));
  cache_.KeepCoded("item", "1", before, Coding::kGzip, "less");
  cache_.KeepCoded("item", "1", before, Coding::kBrotli, "of an item that is not here any more");
  const SharedItem after = cache_.Find("item", "1");
  ASSERT_TRUE(after->Under(Coding::kGzip));
  EXPECT_EQ(*after->Under(Coding::kGzip), "less");
  EXPECT_EQ(after->row, row);
  EXPECT_FALSE(after->Knows(Coding::kBrotli));
  cache_.KeepCoded("item", "1", after, Coding::kBrotli, std::nullopt);
  EXPECT_TRUE(cache_.Find("item", "1")->Knows(Coding::kBrotli));
  EXPECT_FALSE(cache_.Find("item", "1")->Under(Coding::kBrotli)) << "not worth it";
  Keep("2", "short");
  EXPECT_TRUE(cache_.Find("item", "2")->Knows(Coding::kGzip));
}

TEST_F(MemoryCacheTest, OfNoBytesKeepsNothing) {
  MemoryCache none(0, metrics_);
  none.Clear(At(100));
  none.Keep("item", "1", "stamp", "row", At(100));
  EXPECT_FALSE(none.enabled());
  EXPECT_FALSE(none.Find("item", "1"));
}

} // namespace
} // namespace itemize::sidecar::read
