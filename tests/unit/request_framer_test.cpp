#include "http/request_framer.hpp"

#include <gtest/gtest.h>

#include <string>

namespace itemize::sidecar::http {
namespace {

using State = RequestFramer::State;

const std::string kGet = "GET /v1/items/a/1 HTTP/1.1\r\nHost: x\r\n\r\n";

ProblemKind FailureOf(const std::string &bytes) {
  RequestFramer framer;
  EXPECT_EQ(framer.Feed(bytes), State::kFailed) << bytes;
  return framer.problem().kind;
}

TEST(RequestFramer, GivesAWholeRequestHoweverItsBytesArrive) {
  const std::string bytes = "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello";
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    RequestFramer framer;
    framer.Feed(bytes.substr(0, cut));
    ASSERT_EQ(framer.Feed(bytes.substr(cut)), State::kComplete) << cut;
    const FramedRequest request = framer.Take();
    EXPECT_EQ(request.head.method, "POST");
    EXPECT_EQ(request.head.target, "/p");
    EXPECT_EQ(request.body, "hello");
    EXPECT_EQ(framer.state(), State::kIdle);
  }
}

TEST(RequestFramer, ForgivesEmptyLinesBeforeARequestHoweverTheyArrive) {
  for (const std::size_t step : {1U, 2U, 3U, 100U}) {
    RequestFramer framer;
    const std::string bytes = "\r\n\r\n\r\n";
    for (std::size_t at = 0; at < bytes.size(); at += step)
      framer.Feed(bytes.substr(at, step));
    EXPECT_EQ(framer.state(), State::kIdle) << step;
    EXPECT_EQ(framer.Feed(kGet), State::kComplete) << step;
  }
}

TEST(RequestFramer, KeepsPipelinedRequestsForLater) {
  RequestFramer framer;
  ASSERT_EQ(framer.Feed(kGet + "GET /second HTTP/1.1\r\nHost: x\r\n\r\nGET /thi"), State::kComplete);
  EXPECT_EQ(framer.Take().head.target, "/v1/items/a/1");
  ASSERT_EQ(framer.state(), State::kComplete);
  EXPECT_EQ(framer.Take().head.target, "/second");
  EXPECT_EQ(framer.state(), State::kHead);
  EXPECT_EQ(framer.Feed("rd HTTP/1.1\r\nHost: x\r\n\r\n"), State::kComplete);
  EXPECT_EQ(framer.Take().head.target, "/third");
}

TEST(RequestFramer, ForgivesOneEmptyLineBeforeTheRequestLine) {
  RequestFramer framer;
  framer.Feed("\r");
  EXPECT_EQ(framer.Feed("\n" + kGet), State::kComplete);
}

TEST(RequestFramer, RefusesWhatTwoParsersCouldReadDifferently) {
  const std::string host = "Host: x\r\n";
  EXPECT_EQ(FailureOf("POST / HTTP/1.1\r\n" + host + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
            ProblemKind::kBadRequest);
  EXPECT_EQ(FailureOf("POST / HTTP/1.1\r\n" + host + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n"),
            ProblemKind::kBadRequest);
  for (const char *length : {"+1", "-1", "1,1", "0x1", "", "1 1", "99999999999999999999999"}) {
    EXPECT_EQ(FailureOf("POST / HTTP/1.1\r\n" + host + "Content-Length: " + length + "\r\n\r\n"),
              ProblemKind::kBadRequest);
  }
  for (const char *encoding : {"gzip", "chunked, chunked", "identity", "xchunked"}) {
    EXPECT_EQ(FailureOf("POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: " + encoding + "\r\n\r\n"),
              ProblemKind::kBadRequest);
  }
  EXPECT_EQ(FailureOf("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), ProblemKind::kBadRequest);
  EXPECT_EQ(FailureOf("GET / HTTP/1.1\r\n" + host + "X : y\r\n\r\n"), ProblemKind::kBadRequest);
  EXPECT_EQ(FailureOf("GET / HTTP/1.1\r\n" + host + "X: a\r\n folded\r\n\r\n"), ProblemKind::kBadRequest);
  EXPECT_EQ(FailureOf("GET / HTTP/1.1\r\n" + host + "X: a\rb\r\n\r\n"), ProblemKind::kBadRequest);
  EXPECT_EQ(FailureOf("GET / HTTP/1.1\r\n" + host + std::string("X: a\0b\r\n\r\n", 10)), ProblemKind::kBadRequest);
  EXPECT_EQ(FailureOf("GET / HTTP/1.1\r\n\r\n"), ProblemKind::kBadRequest);
  EXPECT_EQ(FailureOf("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"), ProblemKind::kBadRequest);
}

TEST(RequestFramer, RefusesMalformedRequestLines) {
  for (const char *line : {"GET", "GET /", "GET  / HTTP/1.1", "G@T / HTTP/1.1", "GET / HTTP/x.1", "GET / http/1.1",
                           "GET /a b HTTP/1.1", "GET /a#b HTTP/1.1", "GET a HTTP/1.1", "GET /\x01 HTTP/1.1", ""}) {
    EXPECT_EQ(FailureOf(std::string(line) + "\r\nHost: x\r\n\r\n"), ProblemKind::kBadRequest) << line;
  }
  EXPECT_EQ(FailureOf("GET / HTTP/2.0\r\nHost: x\r\n\r\n"), ProblemKind::kVersionNotSupported);
}

TEST(RequestFramer, TakesTheAbsoluteForm) {
  RequestFramer framer;
  ASSERT_EQ(framer.Feed("GET http://h:1/a?b HTTP/1.1\r\nHost: h\r\n\r\n"), State::kComplete);
  EXPECT_EQ(framer.Take().head.target, "/a?b");
}

TEST(RequestFramer, BoundsHeadTargetFieldAndBody) {
  EXPECT_EQ(FailureOf(std::string(16 * 1024 + 1, 'a')), ProblemKind::kHeadTooLarge);
  EXPECT_EQ(FailureOf("GET /" + std::string(9000, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n"), ProblemKind::kUriTooLong);
  EXPECT_EQ(FailureOf("GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(9000, 'a') + "\r\n\r\n"),
            ProblemKind::kHeadTooLarge);
  EXPECT_EQ(FailureOf("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n"), ProblemKind::kContentTooLarge);
  EXPECT_EQ(FailureOf("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n"),
            ProblemKind::kContentTooLarge);
}

TEST(RequestFramer, JoinsChunksAndReadsOverExtensionsAndTrailers) {
  const std::string bytes = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n"
                            "4;a=b\r\nwiki\r\n5\r\npedia\r\n0\r\nX: y\r\n\r\n";
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    RequestFramer framer;
    framer.Feed(bytes.substr(0, cut));
    ASSERT_EQ(framer.Feed(bytes.substr(cut) + kGet), State::kComplete) << cut;
    EXPECT_EQ(framer.Take().body, "wikipedia");
    EXPECT_EQ(framer.Take().head.method, "GET");
  }
}

TEST(RequestFramer, RefusesMalformedChunks) {
  const std::string head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const char *chunks : {"\r\n", "g\r\n", "-1\r\n", "1\r\nab\r\n", "10000000000000000\r\n"}) {
    EXPECT_NE(FailureOf(head + chunks), ProblemKind::kInternal) << chunks;
  }
}

TEST(RequestFramer, TellsOnceThatTheClientWaitsForContinue) {
  RequestFramer framer;
  ASSERT_EQ(framer.Feed("PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"),
            State::kBody);
  EXPECT_TRUE(framer.TakeContinue());
  EXPECT_FALSE(framer.TakeContinue());
  EXPECT_EQ(framer.Feed("ab"), State::kComplete);
  EXPECT_EQ(FailureOf("PUT / HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n"), ProblemKind::kExpectationFailed);
}

TEST(RequestHead, ConnectionFieldAndVersionDecideWhetherTheConnectionStays) {
  const auto keeps = [](const std::string &version, const std::string &field) {
    RequestFramer framer;
    EXPECT_EQ(framer.Feed("GET / HTTP/" + version + "\r\nHost: x\r\n" + field + "\r\n"), State::kComplete);
    return framer.Take().head.keep_alive;
  };
  EXPECT_TRUE(keeps("1.1", ""));
  EXPECT_FALSE(keeps("1.1", "Connection: x, Close\r\n"));
  EXPECT_FALSE(keeps("1.0", ""));
  EXPECT_TRUE(keeps("1.0", "connection: Keep-Alive\r\n"));
  EXPECT_FALSE(keeps("1.0", "Connection: keep-alive, close\r\n"));
}

TEST(RequestHead, NormalizedLeavesOutWhatWouldChangeTheBytesOfAnAnswer) {
  RequestFramer framer;
  framer.Feed("GET /a HTTP/1.0\r\nHost: x\r\naccept-encoding: gzip\r\nRange: bytes=0-1\r\nX-Y: z\r\n\r\n");
  EXPECT_EQ(NormalizedHead(framer.Take().head, 0), "GET /a HTTP/1.1\r\nHost: x\r\nX-Y: z\r\n\r\n");
}

} // namespace
} // namespace itemize::sidecar::http
