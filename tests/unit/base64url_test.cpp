// Bytes as text that goes into URLs and headers.
#include "itemize/base64url.hpp"

#include <gtest/gtest.h>

namespace itemize {
namespace {

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

TEST(Base64Url, HasOneTextForEachSequenceOfBytes) {
  EXPECT_EQ(DecodeBase64Url(""), "");
  EXPECT_EQ(DecodeBase64Url("Zg"), "f");
  EXPECT_EQ(DecodeBase64Url("Zm8"), "fo");
  EXPECT_EQ(DecodeBase64Url("Zm9v"), "foo");
  EXPECT_EQ(DecodeBase64Url("-_8"), "\xFB\xFF");
  for (const char *wrong : {"Z", "Zh", "Zm9", "Zm9vZ", "Zg==", "Zm 8", "Zm8\n", "+/8", "Zm.v"})
    EXPECT_FALSE(DecodeBase64Url(wrong)) << wrong;
}

} // namespace
} // namespace itemize
