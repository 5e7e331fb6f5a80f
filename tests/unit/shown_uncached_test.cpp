// What was answered past the copy, until the copy has forgotten it.
#include "read/shown_uncached.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace itemize::sidecar::read {
namespace {

using Keys = std::vector<std::string>;

TEST(ShownUncached, GivesOnlyWhatWasShown) {
  ShownUncached shown;
  EXPECT_FALSE(shown.DueOf("t", {"1"}));
  shown.Add("t", {"1", "2"});
  EXPECT_FALSE(shown.DueOf("t", {"3"}));
  EXPECT_FALSE(shown.DueOf("other", {"1"}));
  const auto due = shown.DueOf("t", {"3", "2"});
  ASSERT_TRUE(due);
  EXPECT_FALSE(due->whole);
  EXPECT_EQ(due->keys, Keys{"2"});
  shown.Forgotten(*due);
  EXPECT_FALSE(shown.DueOf("t", {"2"}));
  EXPECT_TRUE(shown.DueOf("t", {"1"}));
}

TEST(ShownUncached, WhatIsShownAgainMeanwhileStays) {
  ShownUncached shown;
  shown.Add("t", {"1", "2"});
  const auto due = shown.DueOf("t", {"1", "2"});
  ASSERT_TRUE(due);
  shown.Add("t", {"1"});
  shown.Forgotten(*due);
  EXPECT_TRUE(shown.DueOf("t", {"1"}));
  EXPECT_FALSE(shown.DueOf("t", {"2"}));
}

TEST(ShownUncached, IsForgottenInSteps) {
  ShownUncached shown;
  shown.Add("a", {"1", "2", "3"});
  shown.Add("b", {"1"});
  std::size_t steps = 0;
  for (auto due = shown.DueOfAny(2); due; due = shown.DueOfAny(2)) {
    EXPECT_LE(due->keys.size(), 2U);
    shown.Forgotten(*due);
    ASSERT_LT(++steps, 5U);
  }
  EXPECT_EQ(steps, 3U);
}

TEST(ShownUncached, TooManyKeysAreTheWholeType) {
  ShownUncached shown(4);
  shown.Add("t", {"12", "34", "56", "78"});
  shown.Add("other", {"1"});
  const auto due = shown.DueOf("t", {"nobody has asked for this"});
  ASSERT_TRUE(due);
  EXPECT_TRUE(due->whole);
  EXPECT_TRUE(due->keys.empty());
  shown.Add("t", {"9"});
  shown.Forgotten(*due);
  EXPECT_TRUE(shown.DueOf("t", {"12"})) << "something was shown since";
  shown.Forgotten(*shown.DueOf("t", {"12"}));
  EXPECT_FALSE(shown.DueOf("t", {"12"}));
  EXPECT_FALSE(shown.DueOf("other", {"2"})) << "the other type is kept key by key";
}

} // namespace
} // namespace itemize::sidecar::read
