// The ranking formula: what it rewards, and what its parameters keep in a cursor.
#include "search/ranking/bm25.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

namespace {

using namespace itemize::ranking;

TEST(Bm25, AFurtherOccurrenceCountsLessThanTheOneBefore) {
  const Bm25 formula(64);
  const double resistance = formula.Resistance(64);
  EXPECT_NEAR(resistance, kSaturation, 1e-12) << "a document of average length";
  const double once = Bm25::Saturate(1, resistance);
  const double twice = Bm25::Saturate(2, resistance);
  const double often = Bm25::Saturate(200, resistance);
  EXPECT_NEAR(once, 1 / 2.2, 1e-12);
  EXPECT_GT(twice, once);
  EXPECT_LT(twice - once, once);
  EXPECT_LT(often, 1);
  EXPECT_EQ(Bm25::Saturate(0, resistance), 0);
}

TEST(Bm25, TheSameFrequencyCountsMoreInAShorterText) {
  const Bm25 formula(50);
  EXPECT_GT(Bm25::Saturate(1, formula.Resistance(10)), Bm25::Saturate(1, formula.Resistance(50)));
  EXPECT_GT(Bm25::Saturate(1, formula.Resistance(50)), Bm25::Saturate(1, formula.Resistance(500)));
}

TEST(Bm25, RarerWordsTellMore) {
  EXPECT_EQ(RarityCode(1), 1) << "a word of every document still counts";
  EXPECT_EQ(RarityCode(2), 1);
  EXPECT_EQ(RarityCode(0), RarityCode(1e-7));
  EXPECT_EQ(RarityCode(-1), RarityCode(0));
  EXPECT_NEAR(RarityCode(0.01) * kRarityUnit, std::log(100), kRarityUnit);
  int before = 256;
  for (const double fraction : {1e-7, 1e-6, 1e-4, 1e-2, 0.5, 1.0}) {
    const int code = RarityCode(fraction);
    EXPECT_LT(code, before) << fraction;
    before = code;
  }
}

TEST(Bm25, ParametersComeBackFromTheirBytes) {
  Parameters written;
  written.average_length = 17;
  written.weights[0] = 0.25;
  written.weights[3] = 1.0;
  const std::string codes{'\x01', '\x40', '\xFF'};
  written.rarity_codes = codes;
  const std::string bytes = EncodeParameters(written);
  ASSERT_EQ(bytes.size(), Parameters::kHeaderBytes + 3);
  const Parameters read = DecodeParameters(bytes);
  EXPECT_NEAR(read.average_length, 17, 17 * 0.02);
  EXPECT_NEAR(read.weights[0], 0.25, kWeightUnit);
  EXPECT_NEAR(read.weights[3], 1.0, kWeightUnit);
  EXPECT_DOUBLE_EQ(read.Rarity(0), 1 * kRarityUnit);
  EXPECT_DOUBLE_EQ(read.Rarity(1), 4);
  EXPECT_DOUBLE_EQ(read.Rarity(2), 255 * kRarityUnit);
  EXPECT_DOUBLE_EQ(read.Rarity(3), 1) << "an operand without a code";
  EXPECT_EQ(EncodeParameters(read), bytes) << "the next page has the same";
}

TEST(Bm25, WhatIsMissingStandsForTheDefaults) {
  for (const std::string &bytes : {std::string(), std::string("\x01\x02\x03\x04", 4)}) {
    const Parameters read = DecodeParameters(bytes);
    EXPECT_EQ(read.average_length, kTypicalLength);
    EXPECT_EQ(read.weights[3], 1.0);
    EXPECT_EQ(read.Rarity(0), 1.0);
  }
  EXPECT_EQ(LengthCode(0), 0);
  EXPECT_EQ(LengthCode(std::nan("")), 0);
  EXPECT_EQ(AverageLength(0), kTypicalLength);
  EXPECT_EQ(LengthCode(1e9), 255);
}

} // namespace
