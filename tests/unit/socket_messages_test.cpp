#include "http/socket_messages.hpp"
#include "live/event.hpp"

#include <gtest/gtest.h>

#include <map>

namespace itemize::sidecar::http {
namespace {

const Position kPosition{{7, 1, 9}, {5, 2}};

SocketRequest Understood(std::string_view message) {
  auto parsed = ParseSocketRequest(message);
  const auto *refusal = std::get_if<SocketRefusal>(&parsed);
  EXPECT_EQ(refusal, nullptr) << message << ": " << (refusal != nullptr ? refusal->problem.detail : "");
  return refusal != nullptr ? SocketRequest{} : std::get<SocketRequest>(std::move(parsed));
}

TEST(SocketMessages, ASubscriptionIsTheTargetOfAGet) {
  const SocketRequest request = Understood(
      R"({"id":"a \"b\"","subscribe":{"items":["t/1","s/1,2","t/*"],"topics":["x.y"],"after":"7.1.9:5-2"}})");
  EXPECT_EQ(request.kind, SocketRequest::Kind::kSubscribe);
  EXPECT_EQ(request.id, R"("a \"b\"")");
  EXPECT_EQ(request.target, "/v1/live?last_event_id=7.1.9%3A5-2&items=t%2F1%2C%22s%2F1%2C2%22%2Ct%2F%2A&topics=x.y");
  EXPECT_EQ(Understood(R"({"id":-7,"subscribe":{"items":["t/é&a=b"]}})").target, "/v1/live?items=t%2F%C3%A9%26a%3Db");
}

TEST(SocketMessages, AFilterIsTheTargetOfAGetToo) {
  EXPECT_EQ(Understood(R"({"id":1,"subscribe":{"type":"t","after":"7.1.9:5-2","where":)"
                       R"({"price":["gte.20","lte.120"],"room_type":"eq.a&b","bbox":"1,2,3,4"}}})")
                .target,
            "/v1/live/t?last_event_id=7.1.9%3A5-2&bbox=1%2C2%2C3%2C4&price=gte.20&price=lte.120&room_type=eq.a%26b");
  EXPECT_EQ(Understood(R"({"id":1,"subscribe":{"type":"t"}})").target, "/v1/live/t");
}

TEST(SocketMessages, IdsAreRepeatedAsTheyCame) {
  EXPECT_EQ(SocketDone(Understood(R"({"id":17,"ping":null})").id), R"({"id":17,"ok":true})");
  EXPECT_EQ(SocketDone(R"("a")", R"({"b":1})"), R"({"id":"a","ok":true,"result":{"b":1}})");
  EXPECT_EQ(SocketProblem("null", "{}\n"), R"({"id":null,"problem":{}})");
  const std::string longest = '"' + std::string(kMaxSocketIdBytes - 2, 'x') + '"';
  EXPECT_EQ(Understood(R"({"ping":1,"id":)" + longest + '}').id, longest);
}

TEST(SocketMessages, AnEventHasWhatTheStreamSays) {
  EXPECT_EQ(
      SocketEvent("1", live::ItemEvent(kPosition, "update", "t", "k", R"({"a":": x"})")->text),
      R"({"subscription":1,"event":"item","position":"7.1.9:5-2","data":{"op":"update","type":"t","key":"k","item":{"a":": x"}}})");
  EXPECT_EQ(SocketEvent(R"("s")", live::HelloEvent(std::nullopt, kPosition)->text),
            R"({"subscription":"s","event":"hello","retry":2000,"data":{"position":"7.1.9:5-2"}})");
  EXPECT_EQ(SocketEvent("1", live::KeepaliveEvent(kPosition)->text),
            R"({"subscription":1,"event":"keepalive","position":"7.1.9:5-2"})");
  EXPECT_EQ(SocketEvent("1", live::RetryEvent(std::chrono::milliseconds(1500))->text),
            R"({"subscription":1,"event":"retry","retry":1500})");
  EXPECT_EQ(SocketEnd("1"), R"({"subscription":1,"event":"end"})");
}

TEST(SocketMessages, WhatIsNotUnderstoodNamesTheMessage) {
  const auto refused = [](std::string_view message) {
    const auto parsed = ParseSocketRequest(message);
    const auto *refusal = std::get_if<SocketRefusal>(&parsed);
    return refusal != nullptr ? refusal->id + ' ' + refusal->problem.detail : std::string();
  };
  EXPECT_EQ(refused("").substr(0, 4), "null");
  EXPECT_EQ(refused(R"({"id":1,"ping":1,"stop":1})").substr(0, 19), "1 'stop' is unknown");
  EXPECT_EQ(refused(R"({"id":1,"authenticate":"a\nb"})"), "1 authenticate: a token has no line ends");
  EXPECT_EQ(refused(R"({"id":1,"subscribe":null})"),
            "1 subscribe: an object with items, topics or both, or a type, is needed");
  const std::map<std::string, std::string> wrong{
      {R"({"type":"t","items":["t/1"]})", "a type and where are a subscription of their own"},
      {R"({"type":"T/x"})", "type must be the name of an item type"},
      {R"({"type":7})", "type must be the name of an item type"},
      {R"({"items":["t/1"],"where":{}})", "'where' is unknown"},
      {R"({"type":"t","where":[]})", "where must be an object of conditions"},
      {R"({"type":"t","where":{"price":120}})", "'price' must be a text such as"},
      {R"({"type":"t","where":{"price":["lte.1",2]}})", "'price' must be a text such as"},
      {R"({"type":"t","where":{"last_event_id":"x"}})", "'last_event_id' must be a text"}};
  for (const auto &[what, detail] : wrong)
    EXPECT_NE(refused(R"({"id":1,"subscribe":)" + what + '}').find(detail), std::string::npos) << what;
}

} // namespace
} // namespace itemize::sidecar::http
