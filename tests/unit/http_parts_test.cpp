#include "http/entity_tag.hpp"
#include "http/exchange.hpp"
#include "http/key_list.hpp"
#include "http/problem.hpp"
#include "http/target.hpp"

#include <gtest/gtest.h>

#include <string>
#include <variant>
#include <vector>

namespace itemize::sidecar::http {
namespace {

using Keys = std::vector<std::string>;

Keys KeysOf(const std::string &text) {
  auto parsed = ParseKeyList(text);
  return std::holds_alternative<Keys>(parsed) ? std::get<Keys>(parsed) : Keys{"refused"};
}

TEST(EntityTag, IsTheFirstHalfOfTheSha256) {
  // SHA-256("abc") = ba7816bf 8f01cfea 414140de 5dae2223 …
  EXPECT_EQ(EntityTag("abc"), "\"ungWv48Bz-pBQUDeXa4iIw\"");
  EXPECT_NE(EntityTag(""), EntityTag("{}"));
}

TEST(IfNoneMatch, ComparesWeaklyThroughLists) {
  EXPECT_TRUE(IfNoneMatchHits("\"a\"", "\"a\""));
  EXPECT_TRUE(IfNoneMatchHits("W/\"a\"", "\"a\""));
  EXPECT_TRUE(IfNoneMatchHits("\"x\", W/\"y,z\" ,\t\"a\"", "\"a\""));
  EXPECT_TRUE(IfNoneMatchHits("*", "\"a\""));
  EXPECT_FALSE(IfNoneMatchHits("", "\"a\""));
  EXPECT_FALSE(IfNoneMatchHits("a", "\"a\""));
  EXPECT_FALSE(IfNoneMatchHits("\"x", "\"a\""));
  EXPECT_FALSE(IfNoneMatchHits("w/\"a\"", "\"a\""));
}

TEST(KeyList, TakesPlainAndQuotedKeysInOrderAndOnce) {
  EXPECT_EQ(KeysOf("in.(1,2,1)"), (Keys{"1", "2"}));
  EXPECT_EQ(KeysOf("in.(\"a,b\",\"c,d\")"), (Keys{"a,b", "c,d"}));
  EXPECT_EQ(KeysOf("in.(\"\")"), (Keys{""}));
  EXPECT_EQ(KeysOf("in.(a%2cb,\xC3\xBC)"), (Keys{"a%2Cb", "%C3%BC"}));
}

TEST(KeyList, RefusesWhatIsMalformed) {
  for (const char *text : {"", "1", "in.", "in.()", "in.(1", "in.(1,)", "in.(,1)", "in.(\"a)", "in.(\"a\"b)",
                           "in.(a\"b)", "in.(%zz)", "in.(%00)", "in.(%FF)"}) {
    EXPECT_EQ(KeysOf(text), Keys{"refused"}) << text;
  }
}

TEST(KeyList, IsBounded) {
  std::string list = "in.(0";
  for (std::size_t i = 1; i < kMaxKeysPerRequest; ++i)
    list += ',' + std::to_string(i);
  EXPECT_EQ(KeysOf(list + ')').size(), kMaxKeysPerRequest);
  EXPECT_EQ(KeysOf(list + ",x)"), Keys{"refused"});
}

TEST(LiveItems, TellsAKeyFromAWholeType) {
  const auto parsed = ParseLiveItems("listing/1,listing/*,\"pair/a,b\"");
  const auto &items = std::get<std::vector<live::Interest>>(parsed);
  ASSERT_EQ(items.size(), 3U);
  EXPECT_EQ(items[0].key, "1");
  EXPECT_EQ(items[1].key, std::nullopt);
  EXPECT_EQ(items[2].type, "pair");
  EXPECT_EQ(items[2].key, "a,b");
  // A key that is an asterisk is written as one: %2A.
  EXPECT_EQ(std::get<std::vector<live::Interest>>(ParseLiveItems("a/%2A"))[0].key, "%2A");
  for (const char *text : {"", "listing", "/1", "Listing/1", "a/1,", "1a/1", "a/%z"}) {
    EXPECT_TRUE(std::holds_alternative<Problem>(ParseLiveItems(text))) << text;
  }
}

TEST(LiveTopics, AreNamesWithTheirMark) {
  const auto parsed = ParseLiveTopics("prices,orders.new");
  const auto &topics = std::get<std::vector<live::Interest>>(parsed);
  ASSERT_EQ(topics.size(), 2U);
  EXPECT_EQ(topics[0].type, "@prices");
  EXPECT_EQ(topics[1].key, std::nullopt);
  for (const char *text : {"", "a,", "@a", "a/b", "A", "a,\"", "1", "a\nb"}) {
    EXPECT_TRUE(std::holds_alternative<Problem>(ParseLiveTopics(text))) << text;
  }
}

TEST(Target, LeavesPathSegmentsRaw) {
  const Target target = SplitTarget("/v1/items/pair/a%2Cb,c%2Fd?x=1");
  EXPECT_EQ(target.query, "x=1");
  const auto segments = PathSegments(target.path);
  ASSERT_EQ(segments.size(), 4U);
  EXPECT_EQ(segments[3], "a%2Cb,c%2Fd");
  EXPECT_EQ(PathSegments("/").size(), 1U);
}

TEST(Target, DecodesQueriesAsFormsAre) {
  const auto parameters = ParseQuery("a=b+c&d=%2B&e&&f=g=h");
  ASSERT_TRUE(parameters);
  EXPECT_EQ(*parameters, (Parameters{{"a", "b c"}, {"d", "+"}, {"e", ""}, {"f", "g=h"}}));
  EXPECT_FALSE(ParseQuery("a=%"));
  EXPECT_FALSE(ParseQuery("%4=b"));
}

TEST(ClientKey, IsUtf8WithoutNul) {
  EXPECT_EQ(CanonicalClientKey("\xC3\xBC,%e2%82%ac"), "%C3%BC,%E2%82%AC");
  EXPECT_EQ(CanonicalClientKey("%F0%9F%8F%A0"), "%F0%9F%8F%A0");
  for (const char *key : {"%00", "%C3", "%C0%AF", "%ED%A0%80", "%F4%90%80%80", "%E2%82", "%80"}) {
    EXPECT_FALSE(CanonicalClientKey(key)) << key;
  }
  EXPECT_FALSE(CanonicalClientKey(std::string(5000, 'a')));
}

TEST(ServablePath, HidesWhatIsHiddenAndWhatIsAbove) {
  EXPECT_TRUE(IsServablePath("/"));
  EXPECT_TRUE(IsServablePath("/a/b.c"));
  for (const char *path : {"", "a", "/..", "/a/../b", "/.git/config", "/a/.", "/.%2e"}) {
    EXPECT_FALSE(IsServablePath(path)) << path;
  }
  EXPECT_FALSE(IsServablePath(std::string_view("/a\0.html", 8)));
}

TEST(Problem, BodySaysTypeTitleStatusAndDetail) {
  EXPECT_EQ(ProblemBody({ProblemKind::kNotFound, {}, {}}),
            "{\"type\":\"urn:itemize:problem:not-found\",\"title\":\"Not Found\",\"status\":404}\n");
  EXPECT_EQ(ProblemBody({ProblemKind::kBadRequest, "a \"b\"\n\xFF", {}}),
            "{\"type\":\"urn:itemize:problem:bad-request\",\"title\":\"Bad Request\",\"status\":400,"
            "\"detail\":\"a \\\"b\\\"\\n\xEF\xBF\xBD\"}\n");
}

FramedRequest Request(const std::string &text) {
  RequestFramer framer;
  EXPECT_EQ(framer.Feed(text), RequestFramer::State::kComplete);
  return framer.Take();
}

TEST(Exchange, AnswersThroughTheLibraryWithoutASocket) {
  Exchange exchange(
      [](const FramedRequest &request) -> std::optional<Reply> {
        if (request.head.target == "/throw") throw std::runtime_error("no");
        if (request.head.target != "/a") return std::nullopt;
        Reply reply;
        reply.body = std::string(5000, 'x'); // long enough to be compressed, if it were
        reply.content_type = "application/json";
        return reply;
      },
      "");
  const Answer get = exchange.Handle(
      Request("GET /a HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip, br\r\nRange: bytes=0-1\r\n\r\n"), false);
  EXPECT_EQ(get.status, 200);
  EXPECT_TRUE(get.keep_alive);
  EXPECT_NE(get.bytes.find("Content-Length: 5000\r\n"), std::string::npos);
  EXPECT_EQ(get.bytes.find("Content-Encoding"), std::string::npos);
  EXPECT_EQ(get.bytes.find("Accept-Ranges"), std::string::npos);
  const Answer head = exchange.Handle(Request("HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n"), true);
  EXPECT_FALSE(head.keep_alive);
  EXPECT_NE(head.bytes.find("Content-Length: 5000\r\n"), std::string::npos);
  EXPECT_NE(head.bytes.find("Connection: close\r\n"), std::string::npos);
  EXPECT_EQ(head.bytes.substr(head.bytes.size() - 4), "\r\n\r\n");
  EXPECT_EQ(exchange.Handle(Request("GET /b HTTP/1.1\r\nHost: x\r\n\r\n"), false).status, 404);
  EXPECT_EQ(exchange.Handle(Request("POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nz"), false).status, 405);
  EXPECT_EQ(exchange.Handle(Request("BREW /b HTTP/1.1\r\nHost: x\r\n\r\n"), false).status, 501);
  EXPECT_EQ(exchange.Handle(Request("GET /throw HTTP/1.1\r\nHost: x\r\n\r\n"), false).status, 500);
}

} // namespace
} // namespace itemize::sidecar::http
