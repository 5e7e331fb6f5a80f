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
  if (const auto *since = std::get_if<SinceQuestion>(&parsed)) {
    text = "since " + FormatPosition(since->since);
    for (const live::Interest &interest : since->interests)
      text += ' ' + interest.type + '/' + interest.key.value_or("*");
    return text;
  }
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

TEST(Feedback, MayBeOfASubscription) {
  EXPECT_EQ(Parsed(R"({"since":"7.1.9:16-2","items":["a/1","b/*","b/2","c/x,y","a/1"]})"),
            "since 7.1.9:16-2 a/1 b/* c/x,y");
  for (const char *since : {"5", "null", "\"\"", "\"7.1.9:16\"", "[\"7.1.9:16-2\"]"})
    EXPECT_EQ(Parsed(R"({"since":)" + std::string(since) + R"(,"items":["a/1"]})"), "since is no position: pass the");
  for (const char *items : {R"([])", R"([1])", R"([["a/1"]])"})
    EXPECT_EQ(Parsed(R"({"since":"7.1.9:16-2","items":)" + std::string(items) + '}'), "items must be an array of text");
  EXPECT_EQ(Parsed(R"({"since":"7.1.9:16-2","items":["A/1"]})"), "'A/1' in items is neither type");
  EXPECT_EQ(Parsed(R"({"since":"7.1.9:16-2","items":["a"]})"), "'a' in items is neither type/k");
  EXPECT_EQ(Parsed(R"({"since":"7.1.9:16-2","items":["a/%zz"]})"), "'%zz' is no key text");
  for (const char *body : {R"({"since":"7.1.9:16-2"})", R"({"since":"7.1.9:16-2","items":{"a":{}}})",
                           R"({"since":"7.1.9:16-2","items":["a/1"],"topics":["t"]})"})
    EXPECT_EQ(Parsed(body), "the body must be {\"items\":{TYP") << body;
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
