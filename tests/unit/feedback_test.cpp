#include "http/feedback.hpp"

#include <gtest/gtest.h>

#include <string>

namespace itemize::sidecar::http {
namespace {

/// `type: key=tag key=tag; …`, or what is refused.
std::string Parsed(const std::string &body) {
  const auto parsed = ParseFeedback(body);
  if (const auto *problem = std::get_if<Problem>(&parsed)) return problem->detail.substr(0, 30);
  std::string text;
  for (const auto &[type, held] : std::get<0>(parsed)) {
    text += type + ':';
    for (const auto &[key, tag] : held)
      text.append(" ").append(key).append("=").append(tag);
    text += ';';
  }
  return text;
}

TEST(Feedback, TakesTagsWithAndWithoutQuotesOfAnyCoding) {
  EXPECT_EQ(OpaqueTag("abc"), "abc");
  EXPECT_EQ(OpaqueTag("\"abc\""), "abc");
  EXPECT_EQ(OpaqueTag("W/\"abc\""), "abc");
  EXPECT_EQ(OpaqueTag("\"ungWv48Bz-pBQUDeXa4iIw-gzip\""), "ungWv48Bz-pBQUDeXa4iIw");
  EXPECT_EQ(OpaqueTag("ungWv48Bz-pBQUDeXa4iIw-br"), "ungWv48Bz-pBQUDeXa4iIw");
  EXPECT_EQ(OpaqueTag("ungWv48Bz-pBQUDeXa4-br"), "ungWv48Bz-pBQUDeXa4-br") << "a tag may end like that";
}

TEST(Feedback, IsByTypeAndKey) {
  EXPECT_EQ(Parsed(R"({"items":{}})"), "");
  EXPECT_EQ(Parsed(R"({"items":{"b":{"2":"y","1":"\"x\""},"a":{"q%2cr,s":null}}})"), "a: q%2Cr,s=;b: 1=x 2=y;");
  EXPECT_EQ(Parsed(R"({"items":{"a":{"%2c":"x","%2C":"y"}}})"), "a: %2C=y;") << "one item, told of once";
}

TEST(Feedback, RefusesWhatIsMalformed) {
  for (const char *body : {"", "[]", "{}", R"({"items":[]})", R"({"items":{},"items":{}})", R"({"items":{},"more":1})",
                           R"({"items":{"a":{"1":"x","1":"y"}}})"})
    EXPECT_EQ(Parsed(body), "the body must be {\"items\":{TYP") << body;
  EXPECT_EQ(Parsed(R"({"items":{"A":{}}})"), "'A' is no name of an item type");
  EXPECT_EQ(Parsed(R"({"items":{"a":[]}})"), "what is held of 'a' must be an");
  EXPECT_EQ(Parsed(R"({"items":{"a":{"1":5}}})"), "the tag of '1' must be a text,");
  EXPECT_EQ(Parsed(R"({"items":{"a":{"%zz":"x"}}})"), "'%zz' is no key text");
}

TEST(Feedback, IsBounded) {
  std::string body = R"({"items":{"a":{)";
  for (std::size_t i = 1; i <= kMaxFeedbackItems; ++i)
    body += (i == 1 ? "\"" : ",\"") + std::to_string(i) + "\":null";
  EXPECT_EQ(Parsed(body + "}}}").substr(0, 5), "a: 1=");
  EXPECT_EQ(Parsed(body + R"(},"b":{"1":null}}})"), "at most 10000 items can be ask");
}

} // namespace
} // namespace itemize::sidecar::http
