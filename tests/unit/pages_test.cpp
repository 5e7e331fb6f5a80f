#include "http/pages.hpp"

#include <gtest/gtest.h>

#include <string>

namespace itemize::sidecar::http {
namespace {

TEST(Pages, HavePathsOfSegments) {
  for (const char *path : {"a", "a/b", "a%2Fb", "...", "a/.b"})
    EXPECT_TRUE(IsPagePath(path)) << path;
  for (const char *path : {"", "/", "a/", "/a", "a//b", ".", "a/..", "../a"})
    EXPECT_FALSE(IsPagePath(path)) << path;
  EXPECT_TRUE(IsPagePath(std::string(kMaxPagePathBytes, 'a')));
  EXPECT_FALSE(IsPagePath(std::string(kMaxPagePathBytes + 1, 'a')));
}

TEST(Pages, AreMadeOfItemsWithTheirTags) {
  const auto parsed = ParseRenderedPage(
      R"({"content_type":"text/html","body":"<p>\u00e9","items":{"b":{"2":"\"x-br\""},"a":{"q%2cr":"W/\"y\""}}})");
  const auto *rendered = std::get_if<RenderedPage>(&parsed);
  ASSERT_NE(rendered, nullptr);
  EXPECT_EQ(rendered->page.body, "<p>\xC3\xA9");
  EXPECT_EQ(rendered->items, (std::vector<read::PageItemName>{{"a", "q%2Cr"}, {"b", "2"}}));
  EXPECT_EQ(rendered->tags, (std::vector<std::string>{"y", "x-br"}));
}

TEST(Pages, AreOfABoundedNumberOfItems) {
  std::string body = R"({"content_type":"text/html","body":"","items":{"a":{"0":"x")";
  for (std::size_t i = 1; i < kMaxItemsOfPage; ++i)
    body += ",\"" + std::to_string(i) + "\":\"x\"";
  EXPECT_TRUE(std::holds_alternative<RenderedPage>(ParseRenderedPage(body + "}}}")));
  EXPECT_TRUE(std::holds_alternative<Problem>(ParseRenderedPage(body + R"(,"more":"x"}}})")));
}

} // namespace
} // namespace itemize::sidecar::http
