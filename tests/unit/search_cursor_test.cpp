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

} // namespace
} // namespace itemize
