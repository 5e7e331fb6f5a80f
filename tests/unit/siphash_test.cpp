// The seal of cursors, by the test vectors of the authors' reference implementation (vectors.h, vectors_sip128).
#include "search/siphash.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <string>

namespace itemize {
namespace {

/// The key 00 01 ... 0f, of a text 00 01 ... of so many bytes.
std::string TagOfVector(std::size_t length) {
  const SipHalves key = {0x0706050403020100U, 0x0f0e0d0c0b0a0908U};
  std::string text;
  for (std::size_t i = 0; i < length; ++i)
    text.push_back(static_cast<char>(i));
  const SipHalves tag = SipHash(key, text);
  std::string hex;
  for (const std::uint64_t half : {tag.low, tag.high}) {
    for (unsigned shift = 0; shift < 64; shift += 8) {
      char digits[3];
      std::snprintf(digits, sizeof(digits), "%02x", static_cast<unsigned>((half >> shift) & 0xFFU));
      hex += digits;
    }
  }
  return hex;
}

TEST(SipHash, GivesTheTagsOfTheReferenceImplementation) {
  EXPECT_EQ(TagOfVector(0), "a3817f04ba25a8e66df67214c7550293");
  EXPECT_EQ(TagOfVector(1), "da87c1d86b99af44347659119b22fc45");
  EXPECT_EQ(TagOfVector(2), "8177228da4a45dc7fca38bdef60affe4");
  EXPECT_EQ(TagOfVector(63), "5150d1772f50834a503e069a973fbd7c");
}

TEST(SipHash, DependsOnEachByteOfKeyAndText) {
  const SipHalves key = {1, 2};
  const std::string text = "a text that is longer than two words";
  const SipHalves tag = SipHash(key, text);
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string other = text;
    other[i] = static_cast<char>(other[i] ^ 1);
    const SipHalves changed = SipHash(key, other);
    EXPECT_TRUE(changed.low != tag.low || changed.high != tag.high) << i;
  }
  EXPECT_NE(SipHash({2, 2}, text).low, tag.low);
  EXPECT_NE(SipHash({1, 3}, text).low, tag.low);
  EXPECT_NE(SipHash(key, text + '\0').low, tag.low);
}

} // namespace
} // namespace itemize
