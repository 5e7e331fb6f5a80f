// The digest of an item and its bucket: what the database and a cluster must compute alike.
#include "itemize/item_checksum.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace {

using namespace itemize;

// Vectors of the reference implementation (xxhsum -H1, and the sanity checks of xxHash's repository).
TEST(ItemChecksum, IsXxh64) {
  EXPECT_EQ(Xxh64(""), 0xEF46DB3751D8E999U);
  EXPECT_EQ(Xxh64("a"), 0xD24EC4F1A98C6E5BU);
  EXPECT_EQ(Xxh64("abc"), 0x44BC2CF5AD770999U);
  EXPECT_EQ(Xxh64("Nobody inspects the spammish repetition"), 0xFBCEA83C8A378BF1U);
  EXPECT_EQ(Xxh64("", 2654435761U), 0xAC75FDA2929B17EFU);
}

TEST(ItemChecksum, OneByteAnywhereMakesAnotherDigest) {
  const std::string row =
      R"({"id":1,"name":"Loft on the Schelde","price":95.00,"about":")" + std::string(200, 'x') + "\"}";
  std::set<std::uint64_t> seen = {ItemDigest("1", "6,28,13,209", row)};
  for (std::size_t i = 0; i < row.size(); ++i) {
    std::string other = row;
    other[i] = static_cast<char>(other[i] ^ 1);
    EXPECT_TRUE(seen.insert(ItemDigest("1", "6,28,13,209", other)).second) << "byte " << i;
  }
  EXPECT_TRUE(seen.insert(ItemDigest("2", "6,28,13,209", row)).second) << "the key counts";
  EXPECT_TRUE(seen.insert(ItemDigest("1", "6,28,13,208", row)).second) << "the member lengths count";
  EXPECT_TRUE(seen.insert(MissingItemDigest("1")).second) << "missing is another thing";
  EXPECT_TRUE(seen.insert(ItemDigest("1", "", "")).second) << "and not an empty row";
}

TEST(ItemChecksum, WhereOnePartEndsCounts) {
  EXPECT_NE(ItemDigest("1", "23", "4"), ItemDigest("12", "3", "4"));
  EXPECT_NE(ItemDigest("1", "2", "34"), ItemDigest("1", "23", "4"));
}

TEST(ItemChecksum, SumDoesNotDependOnTheOrderAndSeesASwap) {
  std::vector<std::uint64_t> digests;
  std::uint64_t sum = 0;
  for (int i = 0; i < 1000; ++i) {
    digests.push_back(ItemDigest(std::to_string(i), "4", "{" + std::to_string(i * i) + "}"));
    sum += digests.back();
  }
  std::shuffle(digests.begin(), digests.end(), std::minstd_rand(7)); // NOLINT: the same order each time
  std::uint64_t shuffled = 0;
  for (const std::uint64_t digest : digests)
    shuffled += digest;
  EXPECT_EQ(shuffled, sum);
  const std::uint64_t right = ItemDigest("1", "3", "{x}") + ItemDigest("2", "3", "{y}");
  const std::uint64_t swapped = ItemDigest("1", "3", "{y}") + ItemDigest("2", "3", "{x}");
  EXPECT_NE(right, swapped) << "rows that have changed places";
  const std::uint64_t twice = ItemDigest("1", "3", "{x}") + ItemDigest("1", "3", "{x}");
  EXPECT_NE(twice, 0U) << "an item that is there twice does not cancel itself";
}

TEST(ItemChecksum, BucketsAreEven) {
  std::vector<int> counts(64);
  for (int i = 0; i < 64000; ++i)
    ++counts.at(ItemBucket(std::to_string(i), 64));
  EXPECT_GT(*std::min_element(counts.begin(), counts.end()), 800);
  EXPECT_LT(*std::max_element(counts.begin(), counts.end()), 1200);
  EXPECT_EQ(ItemBucket("anything", 1), 0U);
}

} // namespace
