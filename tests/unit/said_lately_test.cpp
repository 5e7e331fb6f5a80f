// A line of the log that anybody can bring about.
#include "read/said_lately.hpp"

#include <gtest/gtest.h>

namespace itemize::sidecar::read {
namespace {

TEST(SaidLately, OfOneSubjectItIsSaidOnceAnInterval) {
  SaidLately said;
  const SaidLately::Clock::time_point start;
  EXPECT_TRUE(said.MaySay("a/1", start));
  EXPECT_FALSE(said.MaySay("a/1", start + std::chrono::seconds(59)));
  EXPECT_TRUE(said.MaySay("a/2", start + std::chrono::seconds(59)));
  EXPECT_TRUE(said.MaySay("a/1", start + std::chrono::seconds(60)));
}

TEST(SaidLately, OfManySubjectsNotAllIsSaid) {
  SaidLately said;
  const SaidLately::Clock::time_point start;
  for (std::size_t i = 0; i < SaidLately::kMostSubjects; ++i)
    EXPECT_TRUE(said.MaySay(std::to_string(i), start));
  EXPECT_FALSE(said.MaySay("one more", start + std::chrono::seconds(59)));
  EXPECT_TRUE(said.MaySay("one more", start + SaidLately::kInterval)) << "the others are forgotten";
}

} // namespace
} // namespace itemize::sidecar::read
