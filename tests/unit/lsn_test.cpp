// The coordinates of the stream: what is accepted, what is not, and that text and value agree.
#include "itemize/lsn.hpp"

#include <gtest/gtest.h>

namespace {

using namespace itemize;

constexpr Lsn kLargest = ~Lsn{0};

TEST(PgLsn, IsWrittenAsPostgresWritesIt) {
  EXPECT_EQ(FormatPgLsn(0), "0/0");
  EXPECT_EQ(FormatPgLsn((Lsn{0x16} << 32U) | 0xB374D848U), "16/B374D848");
  EXPECT_EQ(FormatPgLsn(kLargest), "FFFFFFFF/FFFFFFFF");
  EXPECT_EQ(FormatPgLsn(0xAU), "0/A");
}

TEST(PgLsn, IsReadBack) {
  for (const Lsn lsn : {Lsn{0}, Lsn{1}, Lsn{0xFFFFFFFF}, Lsn{1} << 32U, kLargest}) {
    EXPECT_EQ(ParsePgLsn(FormatPgLsn(lsn)), lsn);
  }
  EXPECT_EQ(ParsePgLsn("16/b374d848"), (Lsn{0x16} << 32U) | 0xB374D848U);
}

TEST(PgLsn, OtherTextIsRefused) {
  for (const char *text :
       {"", "/", "1/", "/1", "1", "1/2/3", " 1/2", "1/2 ", "-1/2", "+1/2", "0x1/2", "100000000/0", "1/G"}) {
    EXPECT_EQ(ParsePgLsn(text), std::nullopt) << text;
  }
}

TEST(Version, IsOrderedByLsnThenOrdinal) {
  EXPECT_LT((Version{1, 9}), (Version{2, 1}));
  EXPECT_LT((Version{2, 1}), (Version{2, 2}));
  EXPECT_LE((Version{2, 2}), (Version{2, 2}));
  EXPECT_GT((Version{10, 0}), (Version{9, 99}));
  EXPECT_NE((Version{1, 0}), (Version{1, 1}));
}

TEST(Version, TextIsTheIdOfAStreamEntry) {
  EXPECT_EQ(FormatVersion({23459834, 2}), "23459834-2");
  EXPECT_EQ(ParseVersion("18446744073709551615-1"), (Version{kLargest, 1}));
  for (const char *text : {"", "1", "-", "1-", "-1", "1-2-3", "18446744073709551616-0", "0x1-1", "1 -1"}) {
    EXPECT_EQ(ParseVersion(text), std::nullopt) << text;
  }
}

TEST(Epoch, TextAndValueAgree) {
  const Epoch epoch{7395812345678901234U, 1, 1795000000};
  EXPECT_EQ(FormatEpoch(epoch), "7395812345678901234.1.1795000000");
  EXPECT_EQ(ParseEpoch(FormatEpoch(epoch)), epoch);
  for (const char *text : {"", "1", "1.2", "1.2.", ".2.3", "1..3", "1.2.3.4", "1.4294967296.3", "1.-2.3"}) {
    EXPECT_EQ(ParseEpoch(text), std::nullopt) << text;
  }
}

TEST(Position, TextAndValueAgree) {
  const std::string text = "7395812345678901234.1.1795000000:23459834-2";
  const auto position = ParsePosition(text);
  ASSERT_TRUE(position.has_value());
  EXPECT_EQ(position->version, (Version{23459834, 2}));
  EXPECT_EQ(FormatPosition(*position), text);
  for (const char *other : {"", ":", "1.2.3:", ":1-2", "1.2.3", "1.2.3:1", "1.2:1-2", "1.2.3:1-2:3"}) {
    EXPECT_EQ(ParsePosition(other), std::nullopt) << other;
  }
}

} // namespace
