// The rooms below: log lines, backoff, stop token, Redis URLs, epoch rules, keys.
#include "base/backoff.hpp"
#include "base/errors.hpp"
#include "base/logger.hpp"
#include "base/metrics.hpp"
#include "base/readiness.hpp"
#include "base/stop_token.hpp"
#include "global/epoch_rules.hpp"
#include "redis/endpoint.hpp"
#include "redis/keys.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace {

using namespace itemize;
using namespace itemize::sidecar;

TEST(LogLine, IsOneJsonObject) {
  EXPECT_EQ(FormatLogLine("T", LogLevel::kWarning, "some_event",
                          {{"text", "a\"b\n\xff"}, {"count", 3}, {"ratio", 0.5}, {"on", true}, {"big", ~0ULL}}),
            "{\"ts\":\"T\",\"level\":\"warning\",\"event\":\"some_event\",\"text\":\"a\\\"b\\n\xEF\xBF\xBD\","
            "\"count\":3,\"ratio\":0.5,\"on\":true,\"big\":18446744073709551615}");
  EXPECT_EQ(ParseLogLevel("debug"), LogLevel::kDebug);
  EXPECT_THROW(ParseLogLevel("INFO"), ConfigError);
}

TEST(Backoff, DoublesWithJitterUpToItsLongest) {
  using std::chrono::milliseconds;
  Backoff backoff(milliseconds(100), milliseconds(500));
  for (int round = 0; round < 2; ++round) {
    for (const int most : {100, 200, 400, 500, 500}) {
      const auto delay = backoff.Next();
      EXPECT_LE(delay, milliseconds(most));
      EXPECT_GE(delay, milliseconds(most / 2));
    }
    backoff.Reset();
  }
}

TEST(StopToken, WakesWhoWaits) {
  StopSource source;
  const StopToken token = source.token();
  EXPECT_FALSE(token.WaitFor(std::chrono::milliseconds(1)));
  EXPECT_NO_THROW(token.ThrowIfStopped());
  std::thread other([&] { source.RequestStop(); });
  EXPECT_TRUE(token.WaitFor(std::chrono::hours(1)));
  other.join();
  source.RequestStop();
  EXPECT_TRUE(token.stopped());
  EXPECT_THROW(token.ThrowIfStopped(), Stopped);
}

TEST(Metrics, TheSameNameAndLabelsAreTheSameMetric) {
  Metrics metrics;
  metrics.Counter("itemize_x_total", "X", {{"part", "a"}}).Increment();
  metrics.Counter("itemize_x_total", "X", {{"part", "a"}}).Increment();
  metrics.Gauge("itemize_y_seconds", "Y").Set(1.5);
  const std::string text = metrics.Render();
  EXPECT_NE(text.find("itemize_x_total{part=\"a\"} 2"), std::string::npos) << text;
  EXPECT_NE(text.find("itemize_y_seconds 1.5"), std::string::npos) << text;
}

TEST(Metrics, AGaugeThatIsRemovedIsShownNoMore) {
  Metrics metrics;
  metrics.Gauge("itemize_y_seconds", "Y", {{"cluster", "a"}}).Set(1);
  metrics.Gauge("itemize_y_seconds", "Y", {{"cluster", "b"}}).Set(2);
  metrics.RemoveGauge("itemize_y_seconds", {{"cluster", "a"}});
  const std::string text = metrics.Render();
  EXPECT_EQ(text.find("cluster=\"a\""), std::string::npos) << text;
  EXPECT_NE(text.find("itemize_y_seconds{cluster=\"b\"} 2"), std::string::npos) << text;
  metrics.Gauge("itemize_y_seconds", "Y", {{"cluster", "a"}}).Set(3);
  EXPECT_NE(metrics.Render().find("itemize_y_seconds{cluster=\"a\"} 3"), std::string::npos);
}

TEST(Readiness, NeedsEveryPart) {
  Readiness readiness;
  readiness.Register("a");
  readiness.Register("b");
  readiness.Set("a", true);
  EXPECT_FALSE(readiness.AllReady());
  readiness.Set("b", true);
  EXPECT_TRUE(readiness.AllReady());
  readiness.Set("a", false);
  EXPECT_FALSE(readiness.AllReady());
}

TEST(RedisUrl, IsTakenApart) {
  const RedisEndpoint full = ParseRedisUrl("redis://user:p%40ss@host:7000/3");
  EXPECT_EQ(full.host, "host");
  EXPECT_EQ(full.port, 7000);
  EXPECT_EQ(full.user, "user");
  EXPECT_EQ(full.password, "p@ss");
  EXPECT_EQ(full.database, 3);
  EXPECT_EQ(full.Describe(), "host:7000/3");
  EXPECT_EQ(ParseRedisUrl("redis://h").port, kDefaultRedisPort);
  EXPECT_EQ(ParseRedisUrl("redis://:secret@h/").password, "secret");
  EXPECT_EQ(ParseRedisUrl("redis://[::1]:7000").host, "::1");
  const RedisEndpoint local = ParseRedisUrl("unix:///run/redis/s?db=2");
  EXPECT_EQ(local.socket_path, "/run/redis/s");
  EXPECT_EQ(local.database, 2);
  EXPECT_EQ(ParseRedisUrl("unix://u:p@/run/s").socket_path, "/run/s");
}

TEST(RedisUrl, OthersAreRefused) {
  for (const char *url :
       {"", "redis:", "http://h", "redis://", "redis://:1", "redis://h:x", "redis://h:65536", "redis://h/x",
        "redis://u@h", "redis://u:@h", "redis://[::1", "unix://run/s", "unix:///s?x=1", "redis://h%zz"}) {
    EXPECT_THROW(ParseRedisUrl(url), ConfigError) << url;
  }
}

StreamStart Healthy() {
  StreamStart start;
  start.epoch = Epoch{7, 1, 100};
  start.last = Version{50, 2};
  start.system_identifier = 7;
  start.timeline = 1;
  start.confirmed = 50;
  start.flushed = 60;
  return start;
}

TEST(EpochRules, AnUnbrokenHistoryGoesOn) {
  EXPECT_EQ(ReasonForNewEpoch(Healthy()), std::nullopt);
  StreamStart ahead = Healthy(); // published, and not yet told to the slot
  ahead.confirmed = 40;
  EXPECT_EQ(ReasonForNewEpoch(ahead), std::nullopt);
}

TEST(EpochRules, ABrokenOneDoesNot) {
  const auto reason = [](auto &&change) {
    StreamStart start = Healthy();
    change(start);
    return ReasonForNewEpoch(start).value_or("none");
  };
  EXPECT_EQ(reason([](StreamStart &start) { start.epoch.reset(); }), "no_epoch");
  EXPECT_EQ(reason([](StreamStart &start) { start.system_identifier = 8; }), "other_system");
  EXPECT_EQ(reason([](StreamStart &start) { start.timeline = 2; }), "other_timeline");
  EXPECT_EQ(reason([](StreamStart &start) { start.slot_is_new = true; }), "new_slot");
  EXPECT_EQ(reason([](StreamStart &start) { start.last.reset(); }), "stream_missing");
  EXPECT_EQ(reason([](StreamStart &start) { start.confirmed = 51; }), "stream_lost_entries");
  EXPECT_EQ(reason([](StreamStart &start) { start.flushed = 49; }), "database_went_back");
  EXPECT_EQ(reason([](StreamStart &start) { start.passed = 61; }), "database_went_back") << "clusters were told of it";
  EXPECT_EQ(reason([](StreamStart &start) { start.passed = 60; }), "none");
}

TEST(EpochRules, GenerationsOnlyRise) {
  EXPECT_EQ(NextEpoch(Healthy(), 1000), (Epoch{7, 1, 1000}));
  EXPECT_EQ(NextEpoch(Healthy(), 99), (Epoch{7, 1, 101}));
  EXPECT_EQ(NextEpoch(Healthy(), 100), (Epoch{7, 1, 101}));
}

TEST(EpochRules, TheDatabaseRemembersWhatRedisHasLost) {
  StreamStart lost = Healthy();
  lost.epoch.reset();
  EXPECT_EQ(NextEpoch(lost, 99), (Epoch{7, 1, 99}));
  lost.reported = Epoch{7, 1, 100};
  EXPECT_EQ(NextEpoch(lost, 99), (Epoch{7, 1, 101}));
  EXPECT_EQ(NextEpoch(lost, 100), (Epoch{7, 1, 101}));
  EXPECT_EQ(NextEpoch(lost, 1000), (Epoch{7, 1, 1000}));
  lost.epoch = Epoch{7, 1, 200}; // Redis knows more, the report having failed
  EXPECT_EQ(NextEpoch(lost, 99), (Epoch{7, 1, 201}));
  lost.epoch = Epoch{7, 1, 50}; // or less, as it came back from a snapshot
  EXPECT_EQ(NextEpoch(lost, 99), (Epoch{7, 1, 101}));
  lost.epoch.reset();
  lost.reported = Epoch{7, 2, 100};
  EXPECT_EQ(NextEpoch(lost, 99), (Epoch{7, 1, 99})) << "of another timeline";
  lost.reported = Epoch{8, 1, 100};
  EXPECT_EQ(NextEpoch(lost, 99), (Epoch{7, 1, 99})) << "of another system";
}

TEST(Keys, AreSpelledAsDocumented) {
  const GlobalKeys global("p");
  EXPECT_EQ(global.Stream("1.2.3"), "p:{1.2.3}:stream");
  EXPECT_EQ(global.Types("1.2.3"), "p:{1.2.3}:types");
  const LocalNamespace local("p", "1.2.3", 4);
  EXPECT_EQ(local.name(), "p:{1.2.3.4}");
  EXPECT_EQ(local.Item("t", "5.0", "a,b"), "p:{1.2.3.4}:item:t:5.0:a,b");
  EXPECT_EQ(local.Fill("t", "5.0", "a,b"), "p:{1.2.3.4}:fill:t:5.0:a,b");
}

} // namespace
