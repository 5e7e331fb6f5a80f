// Cursors as bytes and text.
#include "search/cursor_text.hpp"

#include <gtest/gtest.h>

namespace itemize {
namespace {

CursorContent Example() {
  CursorContent content;
  content.relaxed = true;
  content.question = 0xFEDCBA9876543210U;
  content.score_parameters = std::string("\0\x7F\xFF", 3);
  content.rates = RatesMark{-5, 0x0123456789ABCDEFU};
  content.values = {std::string("price"), std::nullopt, std::string(), std::string(700, '\xC3')};
  return content;
}

TEST(CursorContent, ComesBackAsItWas) {
  const CursorContent content = Example();
  const auto unpacked = UnpackCursor(PackCursor(content));
  ASSERT_TRUE(unpacked);
  EXPECT_EQ(unpacked->relaxed, content.relaxed);
  EXPECT_EQ(unpacked->question, content.question);
  EXPECT_EQ(unpacked->score_parameters, content.score_parameters);
  EXPECT_EQ(unpacked->values, content.values);
  ASSERT_TRUE(unpacked->rates);
  EXPECT_EQ(unpacked->rates->at, -5);
  EXPECT_EQ(unpacked->rates->hash, 0x0123456789ABCDEFU);
}

TEST(CursorContent, WithoutRatesHasNone) {
  CursorContent content = Example();
  content.relaxed = false;
  content.rates.reset();
  const auto unpacked = UnpackCursor(PackCursor(content));
  ASSERT_TRUE(unpacked);
  EXPECT_FALSE(unpacked->relaxed);
  EXPECT_FALSE(unpacked->rates);
  EXPECT_EQ(unpacked->values, content.values);
}

TEST(CursorContent, CutOffAnywhereIsNeverMoreThanTheValuesBefore) {
  const CursorContent content = Example();
  const std::string bytes = PackCursor(content);
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const auto unpacked = UnpackCursor(std::string_view(bytes).substr(0, length));
    if (unpacked) {
      EXPECT_LT(unpacked->values.size(), content.values.size()) << length;
    }
  }
}

TEST(CursorContent, AnotherVersionIsNone) {
  std::string bytes = PackCursor(Example());
  bytes[0] = 1;
  EXPECT_FALSE(UnpackCursor(bytes));
  EXPECT_FALSE(UnpackCursor(""));
}

TEST(Base64Url, IsThatOfRfc4648WithoutPadding) {
  EXPECT_EQ(EncodeBase64Url(""), "");
  EXPECT_EQ(EncodeBase64Url("f"), "Zg");
  EXPECT_EQ(EncodeBase64Url("fo"), "Zm8");
  EXPECT_EQ(EncodeBase64Url("foobar"), "Zm9vYmFy");
  EXPECT_EQ(EncodeBase64Url("\xFB\xFF"), "-_8");
}

TEST(Base64Url, EveryLengthComesBack) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(DecodeBase64Url(EncodeBase64Url(bytes)), bytes);
    bytes.push_back(static_cast<char>(i * 37));
  }
}

TEST(Base64Url, HasOneTextForBytes) {
  EXPECT_FALSE(DecodeBase64Url("Zh")); // the last four bits are not zero
  EXPECT_FALSE(DecodeBase64Url("Z"));
  EXPECT_FALSE(DecodeBase64Url("Zg=="));
  EXPECT_FALSE(DecodeBase64Url("Zm9+"));
  EXPECT_FALSE(DecodeBase64Url("Zm9v YmFy"));
  EXPECT_FALSE(DecodeBase64Url("Zm9v\xC3\xA4"));
}

} // namespace
} // namespace itemize
