// The global stream between its one writer and those who read it.
#include "global/stream_writer.hpp"
#include "local/stream_reader.hpp"
#include "redis_fixture.hpp"

#include <algorithm>

namespace {

using namespace itemize;
using namespace itemize::sidecar;

class GlobalStreamTest : public RedisTest {
protected:
  void SetUp() override {
    RedisTest::SetUp();
    if (!server) return;
    writer_.emplace(server->endpoint(), options_);
    writer_->Claim(1);
    writer_->BeginEpoch(kEpoch, std::nullopt, 100, {});
  }

  /// Publishes pieces of so many bytes each, one a transaction.
  void Publish(std::size_t count, std::size_t bytes, const std::function<void()> &meanwhile = {}) {
    std::vector<StreamEntry> entries;
    for (std::size_t i = 0; i < count; ++i)
      entries.push_back({{++lsn_, 1}, std::string(bytes, 'x'), {}});
    writer_->Publish(entries, meanwhile);
  }

  /// Reads to the end of the stream: how many entries each answer had.
  std::vector<std::size_t> ReadAll(StreamReader &reader, Version after) {
    std::vector<std::size_t> answers;
    while (after.commit_lsn < lsn_) {
      reader.Ask(kEpoch, after, std::chrono::milliseconds(100));
      const StreamReader::Batch batch = reader.Receive();
      std::size_t bytes = 0;
      for (std::size_t i = 0; i < batch.size(); ++i) {
        const auto version = ParseVersion(batch.entry(i)[0].Text());
        EXPECT_TRUE(version && version->commit_lsn == after.commit_lsn + 1) << "none is left out, none comes twice";
        bytes += batch.entry(i)[1][1].Text().size();
        after = *version;
      }
      EXPECT_LE(bytes, (std::size_t{1} << 20U) + 4 * kLarge) << "an answer is bounded";
      if (batch.size() == 0) {
        ADD_FAILURE() << "nothing behind " << FormatVersion(after);
        break;
      }
      answers.push_back(batch.size());
    }
    return answers;
  }

  static constexpr Epoch kEpoch{7, 1, 9};
  static constexpr std::size_t kLarge = 200'000;
  Options options_;
  std::optional<StreamWriter> writer_;
  Lsn lsn_ = 100;
};

TEST_F(GlobalStreamTest, ManySmallEntriesComeAtOnceAndLargeOnesAFewAtATime) {
  Publish(300, 500);
  Publish(20, kLarge);
  for (int i = 0; i < 3; ++i)
    Publish(1000, 500);
  StreamReader reader(server->endpoint(), options_.prefix);
  std::vector<std::size_t> answers = ReadAll(reader, {100, 0});
  EXPECT_EQ(*std::max_element(answers.begin(), answers.end()), 1000U) << "behind the last large one";
  Publish(1, 500);
  Publish(2000, 500);
  EXPECT_LE(answers.size(), 24U);
  answers = ReadAll(reader, {lsn_ - 2001, 1});
  EXPECT_LE(answers.size(), 4U) << "what it waited for, and the rest";
}

TEST_F(GlobalStreamTest, WhatAnOlderWriterHasPublishedMayBeLarge) {
  Publish(10, kLarge);
  Publish(500, 500);
  redis_->Command({"HDEL", GlobalKeys(options_.prefix).Size(FormatEpoch(kEpoch)), "g"});
  StreamReader reader(server->endpoint(), options_.prefix);
  ReadAll(reader, {100, 0});
  Publish(1, 500);
  EXPECT_EQ(redis_->Command({"HGET", GlobalKeys(options_.prefix).Size(FormatEpoch(kEpoch)), "g"}).Text(),
            FormatVersion({lsn_, 1}));
}

TEST_F(GlobalStreamTest, TheWriterWorksOnWhileRedisDoes) {
  int called = 0;
  Publish(1000, 500, [&] { ++called; });
  EXPECT_GE(called, 1);
  EXPECT_EQ(redis_->Command({"XLEN", GlobalKeys(options_.prefix).Stream(FormatEpoch(kEpoch))}).Integer(), 1001);
  redis_->Command({"SCRIPT", "FLUSH"});
  Publish(10, 500, [&] { ++called; });
  EXPECT_EQ(redis_->Command({"XLEN", GlobalKeys(options_.prefix).Stream(FormatEpoch(kEpoch))}).Integer(), 1011);
}

TEST_F(GlobalStreamTest, AWriterWhoseClaimIsTakenPublishesNothing) {
  StreamWriter other(server->endpoint(), options_);
  other.Claim(2);
  EXPECT_THROW(Publish(1, 10), OwnershipLost);
  EXPECT_THROW(Publish(1, 10, [] {}), OwnershipLost);
  EXPECT_EQ(redis_->Command({"XLEN", GlobalKeys(options_.prefix).Stream(FormatEpoch(kEpoch))}).Integer(), 1);
}

TEST_F(GlobalStreamTest, EntriesTellWhatElseIsInThem) {
  writer_->Publish({{{101, 1}, "a", {{"t", "5 everyone"}, {"u", "6 nobody"}}, false},
                    {{102, 1}, "b", {}, true},
                    {{103, 1}, "c", {{"t", "7 nobody"}}, true},
                    {{104, 1}, "d", {}, false}});
  const GlobalKeys keys(options_.prefix);
  const std::string epoch = FormatEpoch(kEpoch);
  EXPECT_EQ(redis_->Command({"HGET", keys.Types(epoch), "t"}).Text(), "7 nobody");
  EXPECT_EQ(redis_->Command({"HGET", keys.Types(epoch), "u"}).Text(), "6 nobody");
  EXPECT_EQ(redis_->Command({"HGET", keys.Size(epoch), "e"}).Text(), "103-1");
  EXPECT_EQ(redis_->Command({"HGET", keys.Size(epoch), "n"}).Text(), "4");
}

} // namespace
