// What a batch of pieces does to the local copy, in a real Redis of the test's own.
#include "itemize/row_members.hpp"
#include "live/local_stream.hpp"
#include "local/local_store.hpp"
#include "read/local_copy.hpp"
#include "redis/keys.hpp"

#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <memory>
#include <optional>
#include <thread>

namespace {

using namespace itemize;
using namespace itemize::sidecar;

/// A redis-server on a Unix socket in a temporary directory, for the life of this object.
class PrivateRedis {
public:
  PrivateRedis() : directory_(MakeDirectory()), process_(Launch(directory_)) {
    endpoint_.socket_path = directory_ + "/socket";
  }
  ~PrivateRedis() {
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
    std::filesystem::remove_all(directory_);
  }
  PrivateRedis(const PrivateRedis &) = delete;
  PrivateRedis &operator=(const PrivateRedis &) = delete;

  /// False when there is no redis-server on this machine.
  bool WaitUntilUp() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (std::chrono::steady_clock::now() < deadline && waitpid(process_, nullptr, WNOHANG) == 0) {
      try {
        RedisConnection(endpoint_).Command({"PING"});
        return true;
      } catch (const RedisError &) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
    }
    return false;
  }
  [[nodiscard]] const RedisEndpoint &endpoint() const { return endpoint_; }

private:
  static std::string MakeDirectory() {
    char name[] = "/tmp/itemize-redis-XXXXXX";
    return mkdtemp(name);
  }
  static pid_t Launch(const std::string &directory) {
    const std::string socket = directory + "/socket";
    const pid_t process = fork();
    if (process == 0) {
      execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", socket.c_str(), "--dir", directory.c_str(),
             "--save", "", "--logfile", "/dev/null", nullptr);
      _exit(127);
    }
    return process;
  }

  std::string directory_;
  pid_t process_;
  RedisEndpoint endpoint_;
};

class ApplyScriptTest : public testing::Test {
protected:
  static void SetUpTestSuite() {
    server = std::make_unique<PrivateRedis>();
    if (!server->WaitUntilUp()) server.reset();
  }
  static void TearDownTestSuite() { server.reset(); }

  void SetUp() override {
    ASSERT_TRUE(server) << "redis-server is needed";
    redis_.emplace(server->endpoint());
    redis_->Command({"FLUSHALL"});
    store_.emplace(server->endpoint(), options_);
    state_ = store_->Reset({Epoch{1, 1, 1}, Version{100, 0}, 100, {{"t", "5 everyone"}}});
  }

  /// Applies one transaction of these lines and gives what was touched.
  std::int64_t Apply(Lsn lsn, std::uint64_t xid, const std::string &lines, std::uint64_t last_ordinal = 1) {
    const std::string piece = "B\t1\t" + FormatPgLsn(lsn) + "\t" + std::to_string(xid) + "\t1000\t\n" + lines + "C\t" +
                              FormatPgLsn(lsn) + "\t" + std::to_string(last_ordinal) + "\n";
    const std::string id = FormatVersion({lsn, last_ordinal});
    ApplyBatch batch;
    EXPECT_EQ(batch.Add(id, piece), ApplyBatch::Added::kWhole) << piece;
    return Apply(state_.name, batch).touched;
  }
  LocalStore::Applied Apply(const std::string &name, const ApplyBatch &batch, const Version &after = {}) {
    store_->Send(name, after, batch);
    return store_->Collect();
  }
  void Hold(const std::string &key, const std::string &row, const std::string &lengths,
            const std::string &snapshot = "") {
    redis_->Command({"HSET", Item(key), "r", row, "l", lengths});
    if (!snapshot.empty()) redis_->Command({"HSET", Item(key), "s", snapshot});
    redis_->Command({"EXPIRE", Item(key), "1000"});
  }
  [[nodiscard]] std::string Item(const std::string &key) const {
    return LocalNamespace(state_.name).Item("t", "5.0", key);
  }
  [[nodiscard]] std::string Fill(const std::string &key) const {
    return LocalNamespace(state_.name).Fill("t", "5.0", key);
  }
  std::string Field(const std::string &key, const std::string &field) { return Get({"HGET", Item(key), field}); }
  std::string Get(const RedisArguments &command) {
    const Reply reply = redis_->Command(command);
    return reply.IsNil() ? "(nil)" : std::string(reply.Text());
  }
  std::int64_t Count(const RedisArguments &command) { return redis_->Command(command).Integer(); }
  /// Sets the times of the erasures that wait: `since` milliseconds of the epoch.
  void SetErasedAt(const std::string &since) {
    for (const char *field : {LocalField::kErasedAt, LocalField::kErasedNextAt})
      if (Get({"HGET", LocalStateKey(options_.prefix), field}) != "(nil)")
        redis_->Command({"HSET", LocalStateKey(options_.prefix), field, since});
  }
  std::string Types() { return Get({"HGET", LocalNamespace(state_.name).Types(), "t"}); }

  static std::unique_ptr<PrivateRedis> server;
  Options options_;
  std::optional<RedisConnection> redis_;
  std::optional<LocalStore> store_;
  LocalStore::State state_;
};
std::unique_ptr<PrivateRedis> ApplyScriptTest::server;

TEST_F(ApplyScriptTest, AChangeWithoutAnyMemberEndsTheCopyOfItsItem) {
  Hold("1", R"({"a":1})", "5");
  Apply(101, 7, "X\t1\tt\t5\ttoo_large\nU\t2\tt\t5\t1\t{}\t0\n", 2);
  EXPECT_EQ(Count({"EXISTS", Item("1")}), 0);
}

TEST_F(ApplyScriptTest, MessagesAndWhatWasSetAsideChangeNoItem) {
  Hold("1", R"({"a":1})", "5");
  EXPECT_EQ(Apply(101, 7, "M\t1\tt\t{\"a\":2}\nX\t2\tt\t5\ttoo_large\nM\t3\tt\t3\n", 3), 0);
  EXPECT_EQ(Field("1", "r"), R"({"a":1})");
  EXPECT_EQ(Get({"HGET", LocalStateKey(options_.prefix), LocalField::kApplied}), "101-3");
}

TEST_F(ApplyScriptTest, AKeyThatIsNotHeldIsLeftAlone) {
  EXPECT_EQ(Apply(200, 7, "I\t1\tt\t5\ta\t{\"id\":1}\t6\n"), 0);
  EXPECT_EQ(Count({"EXISTS", Item("a")}), 0);
  EXPECT_EQ(Get({"HGET", "itemize:local", "applied"}), "200-1");
  EXPECT_EQ(Count({"XLEN", LocalNamespace(state_.name).Stream()}), 1);
}

TEST_F(ApplyScriptTest, AHeldKeyFollows) {
  Hold("a", R"({"id":1})", "6");
  EXPECT_EQ(Apply(200, 7, "U\t1\tt\t5\ta\t{\"id\":22}\t7\n"), 1);
  EXPECT_EQ(Field("a", "r"), R"({"id":22})");
  EXPECT_EQ(Field("a", "l"), "7");
  Apply(300, 8, "D\t1\tt\t5\ta\n");
  EXPECT_EQ(Field("a", "d"), "1");
  EXPECT_EQ(Field("a", "r"), "(nil)");
  EXPECT_LE(Count({"TTL", Item("a")}), options_.missing_ttl.count());
  Apply(400, 9, "I\t1\tt\t5\ta\t{\"id\":3}\t6\n");
  EXPECT_EQ(Field("a", "r"), R"({"id":3})");
  EXPECT_EQ(Field("a", "d"), "(nil)");
  EXPECT_GT(Count({"TTL", Item("a")}), options_.missing_ttl.count());
}

TEST_F(ApplyScriptTest, APieceIsAppliedOnce) {
  Hold("a", R"({"id":1})", "6");
  Apply(200, 7, "U\t1\tt\t5\ta\t{\"id\":2}\t6\n");
  EXPECT_EQ(Apply(200, 7, "U\t1\tt\t5\ta\t{\"id\":9}\t6\n"), 0);
  EXPECT_EQ(Apply(199, 7, "U\t1\tt\t5\ta\t{\"id\":9}\t6\n", 5), 0);
  EXPECT_EQ(Field("a", "r"), R"({"id":2})");
}

TEST_F(ApplyScriptTest, CompleteMovesOnlyWithWholeTransactions) {
  const auto complete = [&] { return Get({"HGET", "itemize:local", LocalField::kComplete}); };
  EXPECT_EQ(complete(), "100");
  ApplyBatch parts;
  ASSERT_EQ(parts.Add("200-1", "B\t1\t0/C8\t7\t1000\t\nD\t1\tt\t5\ta\nP\t0/C8\t1\n"), ApplyBatch::Added::kWhole);
  Apply(state_.name, parts);
  EXPECT_EQ(Get({"HGET", "itemize:local", "applied"}), "200-1");
  EXPECT_EQ(complete(), "100");
  ApplyBatch end;
  ASSERT_EQ(end.Add("200-2", "B\t1\t0/C8\t7\t1000\t\nD\t2\tt\t5\ta\nC\t0/C8\t2\n"), ApplyBatch::Added::kWhole);
  Apply(state_.name, end);
  EXPECT_EQ(complete(), "200");
  ApplyBatch heartbeat;
  ASSERT_EQ(heartbeat.Add("300-0", "H\t1\t0/12C\n"), ApplyBatch::Added::kWhole);
  Apply(state_.name, heartbeat);
  EXPECT_EQ(complete(), "300");
  state_ = store_->Reset({Epoch{1, 1, 1}, Version{900, 3}, 899, {}});
  EXPECT_EQ(complete(), "899");
}

TEST_F(ApplyScriptTest, AbsentMembersComeFromTheHeldRow) {
  const std::string held = R"({"id":1,"big":"a,b","n":2})";
  Hold("a", held, "6,11,5");
  Apply(200, 7, "U\t1\tt\t5\ta\t{\"id\":1,\"n\":33}\t6,0,6\n");
  const auto expected = MergeRow(R"({"id":1,"n":33})", "6,0,6", held, "6,11,5");
  ASSERT_TRUE(expected.has_value());
  EXPECT_EQ(Field("a", "r"), expected->row);
  EXPECT_EQ(Field("a", "l"), expected->member_lengths);
}

TEST_F(ApplyScriptTest, ARowThatCannotBeMergedIsForgotten) {
  Hold("a", R"({"id":1})", "6");
  Apply(200, 7, "U\t1\tt\t5\ta\t{\"id\":1}\t6,0\n");
  EXPECT_EQ(Count({"EXISTS", Item("a")}), 0);
  redis_->Command({"HSET", Item("b"), "d", "1"});
  Apply(300, 8, "U\t1\tt\t5\tb\t{\"id\":1}\t6,0\n");
  EXPECT_EQ(Count({"EXISTS", Item("b")}), 0);
}

TEST_F(ApplyScriptTest, AnItemReadAheadOfTheStreamDoesNotGoBack) {
  Hold("a", R"({"id":9})", "6", "10:20:12,15");
  for (const std::uint64_t contained : {9U, 10U, 19U}) {
    Apply(200 + contained, contained, "U\t1\tt\t5\ta\t{\"id\":1}\t6\n");
    EXPECT_EQ(Field("a", "r"), R"({"id":9})") << contained;
  }
  Apply(300, 15, "U\t1\tt\t5\ta\t{\"id\":2}\t6\n");
  EXPECT_EQ(Field("a", "r"), R"({"id":2})");
  EXPECT_EQ(Field("a", "s"), "(nil)");
}

TEST_F(ApplyScriptTest, EveryEventOfAKeyEndsTheWatchOnIt) {
  const auto watched = [&](const std::string &snapshot, Lsn lsn, const std::string &line) {
    redis_->Command({"DEL", Item("a")});
    Hold("a", R"({"id":1})", "6", snapshot);
    redis_->Command({"HSET", Item("a"), ItemField::kWatch, "token"});
    Apply(lsn, 7, line);
    return Field("a", ItemField::kWatch) != "(nil)";
  };
  EXPECT_FALSE(watched("", 200, "U\t1\tt\t5\ta\t{\"id\":1}\t6\n")) << "the same bytes";
  EXPECT_FALSE(watched("", 300, "D\t1\tt\t5\ta\n"));
  EXPECT_FALSE(watched("", 400, "U\t1\tt\t5\ta\t{}\t0\n")) << "merged";
  EXPECT_FALSE(watched("", 500, "U\t1\tt\t5\ta\t{}\t0,0\n")) << "forgotten";
  EXPECT_FALSE(watched("9:9:", 600, "U\t1\tt\t5\ta\t{\"id\":2}\t6\n")) << "left aside, as the fill contained it";
  EXPECT_TRUE(watched("", 700, "U\t1\tt\t5\tb\t{\"id\":2}\t6\n")) << "another key's";
}

TEST_F(ApplyScriptTest, AFillCollectsWhatPasses) {
  redis_->Command({"RPUSH", Fill("a"), "100-0 token"});
  EXPECT_EQ(Apply(200, 7, "U\t1\tt\t5\ta\t{\"id\":2}\t6,0\nD\t2\tt\t5\ta\n", 2), 2);
  EXPECT_EQ(Get({"LINDEX", Fill("a"), "1"}), "7\tU\t{\"id\":2}\t6,0");
  EXPECT_EQ(Get({"LINDEX", Fill("a"), "2"}), "7\tD\t\t");
  EXPECT_EQ(Count({"EXISTS", Item("a")}), 0);
  for (Lsn lsn = 300; lsn < 300 + kMaxFillEvents; ++lsn)
    Apply(lsn, 8, "D\t1\tt\t5\ta\n");
  EXPECT_EQ(Count({"EXISTS", Fill("a")}), 0);
}

TEST_F(ApplyScriptTest, TruncateAndDefinitionPutItemsOutOfReach) {
  EXPECT_EQ(Types(), "5 everyone 0");
  Apply(200, 7, "T\t1\tt\t5\n");
  EXPECT_EQ(Types(), "5 everyone 1");
  Hold("a", R"({"id":1})", "6"); // under the old counter
  EXPECT_EQ(Apply(300, 8, "U\t1\tt\t5\ta\t{\"id\":2}\t6\n"), 0);
  Apply(400, 9, "Y\t1\tt\t6\tnobody\n");
  EXPECT_EQ(Types(), "6 nobody 0");
  Apply(500, 10, "Y\t1\tt\t5\teveryone\nT\t2\tt\t5\n", 2); // late news of an older definition
  EXPECT_EQ(Types(), "6 nobody 0");
  Apply(600, 11, "Y\t1\tt\t6\t-\n");
  EXPECT_EQ(Types(), "6 - 0");
}

TEST_F(ApplyScriptTest, AResetBeginsAnEmptyCopy) {
  Hold("a", R"({"id":1})", "6");
  const std::string old_item = Item("a");
  const std::string old_name = state_.name;
  state_ = store_->Reset({Epoch{1, 1, 1}, Version{900, 3}, 899, {{"t", "5 everyone"}}});
  EXPECT_NE(state_.name, old_name);
  EXPECT_EQ(Get({"GET", LocalNamespace(state_.name).Base()}), "900-3");
  EXPECT_EQ(Count({"EXISTS", Item("a")}), 0);
  while (store_->Sweep()) {
  }
  EXPECT_EQ(Count({"EXISTS", old_item}), 0);
  const std::string heartbeat = FormatHeartbeat(1000);
  ApplyBatch batch;
  ASSERT_EQ(batch.Add("1000-0", heartbeat), ApplyBatch::Added::kWhole);
  EXPECT_THROW(Apply(old_name, batch), NamespaceChanged);
  const auto read = store_->ReadState();
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->applied, (Version{900, 3}));
}

TEST_F(ApplyScriptTest, TheStreamIsHeldWithinItsEntriesAndItsBytes) {
  constexpr std::size_t kMostBytes = 100'000;
  options_.local_stream_max_bytes = kMostBytes;
  options_.local_stream_max_entries = 128;
  store_.emplace(server->endpoint(), options_);
  const LocalNamespace names(state_.name);
  const auto apply_row = [&](Lsn lsn, std::size_t bytes) {
    const std::string row = R"({"id":")" + std::string(bytes, 'x') + R"("})";
    Apply(lsn, 7, "U\t1\tt\t5\ta\t" + row + "\t" + std::to_string(row.size() - 2) + "\n");
  };
  const auto held_bytes = [&] {
    const Reply entries = redis_->Command({"XRANGE", names.Stream(), "-", "+"});
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < entries.size(); ++i)
      bytes += entries[i][1][1].Text().size();
    return bytes;
  };
  const auto first = [&] { return Get({"GET", names.Base()}); };

  for (Lsn lsn = 201; lsn <= 250; ++lsn)
    apply_row(lsn, 100);
  EXPECT_EQ(Count({"XLEN", names.Stream()}), 50);
  EXPECT_EQ(first(), "100-0") << "nothing was cut off";
  for (Lsn lsn = 251; lsn <= 1000; ++lsn)
    apply_row(lsn, 100);
  EXPECT_LE(Count({"XLEN", names.Stream()}), 128);
  EXPECT_GE(Count({"XLEN", names.Stream()}), 120);
  for (Lsn lsn = 1001; lsn <= 1100; ++lsn)
    apply_row(lsn, 9'000);
  EXPECT_LE(held_bytes(), kMostBytes);
  EXPECT_GE(held_bytes(), kMostBytes - std::size_t{2} * 9'100);
  EXPECT_EQ(Get({"HGET", names.name() + ":local:size", "b"}), std::to_string(held_bytes()));
  EXPECT_EQ(Get({"HGET", names.name() + ":local:size", "n"}), std::to_string(Count({"XLEN", names.Stream()})));
  EXPECT_EQ(first(), redis_->Command({"XRANGE", names.Stream(), "-", "+", "COUNT", "1"})[0][0].Text());
  apply_row(1101, 10 * kMostBytes);
  EXPECT_EQ(Count({"XLEN", names.Stream()}), 1) << "one that is longer than all stays alone";
  EXPECT_EQ(first(), "1101-1");
  using live::LocalStream;
  EXPECT_TRUE(LocalStream::Await(*redis_, names.name(), {1100, 1}, "0-0", std::chrono::milliseconds(1)).gap);
  apply_row(1102, 1);
  EXPECT_EQ(first(), "1102-1") << "and goes with the next";
  EXPECT_TRUE(LocalStream::Await(*redis_, names.name(), {1101, 1}, "0-0", std::chrono::milliseconds(1)).gap);
  apply_row(1103, 1);
  const auto arrived = LocalStream::Await(*redis_, names.name(), {1102, 1}, "0-0", std::chrono::milliseconds(1));
  EXPECT_FALSE(arrived.gap);
  EXPECT_EQ(arrived.entries.size(), 1U);
}

constexpr const char *kLongAgo = "1000";
/// No time that a clock shows: counts as that of the next entry, however slow this machine is.
constexpr const char *kJustNow = "9999999999999";

TEST_F(ApplyScriptTest, AnErasureTakesWhatCameBeforeItWithALaterEntry) {
  const LocalNamespace names(state_.name);
  Hold("a", R"({"id":1})", "6");
  Hold("b", R"({"id":1})", "6");
  Apply(200, 7, "U\t1\tt\t5\ta\t{\"id\":2}\t6\n");
  Apply(300, 8, "M\t1\t~erased\t1\nD\t2\tt\t5\ta\n", 2);
  EXPECT_EQ(Count({"EXISTS", Item("a")}), 0) << "not even a tombstone";
  EXPECT_EQ(Count({"XLEN", names.Stream()}), 2) << "the stream's end is kept";
  SetErasedAt(kJustNow);
  Apply(350, 9, "D\t1\tt\t5\tc\n");
  EXPECT_EQ(Count({"XLEN", names.Stream()}), 3) << "who follows has not read it yet";
  SetErasedAt(kLongAgo);
  Apply(400, 9, "D\t1\tt\t5\tb\n");
  EXPECT_EQ(Count({"XLEN", names.Stream()}), 2);
  EXPECT_EQ(Get({"GET", names.Base()}), "300-2") << "who has read the erasure has missed nothing";
  EXPECT_EQ(Field("b", "d"), "1");
  Apply(500, 10, "D\t1\tt\t5\tb\n");
  EXPECT_EQ(Count({"XLEN", names.Stream()}), 3) << "once";
}

TEST_F(ApplyScriptTest, AnErasureTakesNothingThatCameInTheSameBatch) {
  const LocalNamespace names(state_.name);
  ApplyBatch batch;
  const auto add = [&](const std::string &lsn, const std::string &hex, const std::string &line) {
    EXPECT_EQ(batch.Add(lsn + "-1", "B\t1\t0/" + hex + "\t7\t1000\t\n" + line + "C\t0/" + hex + "\t1\n"),
              ApplyBatch::Added::kWhole);
  };
  add("200", "C8", "U\t1\tt\t5\ta\t{\"id\":2}\t6\n");
  add("300", "12C", "M\t1\t~erased\t1\n");
  add("400", "190", "D\t1\tt\t5\tb\n");
  Apply(state_.name, batch);
  const auto arrived = live::LocalStream::Await(*redis_, names.name(), {100, 0}, "0-0", std::chrono::milliseconds(1));
  EXPECT_FALSE(arrived.gap);
  EXPECT_EQ(arrived.entries.size(), 3U);
}

TEST_F(ApplyScriptTest, NewerErasuresDoNotPutOffAnOlderOne) {
  const LocalNamespace names(state_.name);
  const auto erase = [&](Lsn lsn) { Apply(lsn, 8, "M\t1\t~erased\t1\n"); };
  for (const Lsn lsn : {200U, 300U, 400U}) {
    erase(lsn);
    SetErasedAt(kJustNow);
  }
  EXPECT_EQ(Get({"GET", names.Base()}), "100-0");
  redis_->Command({"HSET", LocalStateKey(options_.prefix), LocalField::kErasedAt, kLongAgo});
  erase(500);
  EXPECT_EQ(Get({"GET", names.Base()}), "200-1") << "the first";
  SetErasedAt(kLongAgo);
  erase(600);
  EXPECT_EQ(Get({"GET", names.Base()}), "500-1") << "and all that came until then";
  SetErasedAt(kLongAgo);
  Apply(700, 9, "D\t1\tt\t5\tb\n");
  EXPECT_EQ(Get({"GET", names.Base()}), "600-1");
  EXPECT_EQ(Count({"HEXISTS", LocalStateKey(options_.prefix), LocalField::kErasedAt}), 0);
  erase(800);
  state_ = store_->Reset({Epoch{1, 1, 1}, Version{900, 3}, 899, {}});
  EXPECT_EQ(Count({"HEXISTS", LocalStateKey(options_.prefix), LocalField::kErased}), 0);
}

TEST_F(ApplyScriptTest, AnErasureInAPieceOfManyStepsIsKept) {
  const LocalNamespace names(state_.name);
  Apply(200, 7, "U\t1\tt\t5\ta\t{\"id\":2}\t6\n");
  std::string lines = "M\t1\t~erased\t1\n";
  for (int i = 2; i <= 1200; ++i)
    lines += "D\t" + std::to_string(i) + "\tt\t5\tk" + std::to_string(i) + "\n";
  const std::string piece =
      "B\t1\t" + FormatPgLsn(300) + "\t8\t1000\t\n" + lines + "C\t" + FormatPgLsn(300) + "\t1200\n";
  ApplyBatch batch;
  int steps = 1;
  Version after = {200, 1};
  for (; batch.Add("300-1200", piece) == ApplyBatch::Added::kPart; ++steps) {
    Apply(state_.name, batch, after);
    after = batch.reached();
    batch.Clear();
  }
  EXPECT_GT(steps, 1);
  Apply(state_.name, batch, after);
  SetErasedAt(kLongAgo);
  Apply(400, 9, "D\t1\tt\t5\tb\n");
  EXPECT_EQ(Get({"GET", names.Base()}), "300-1200");
  EXPECT_EQ(Count({"XLEN", names.Stream()}), 1);
}

TEST_F(ApplyScriptTest, ADamagedCopyIsReported) {
  redis_->Command({"DEL", LocalNamespace(state_.name).Types()});
  redis_->Command({"SET", LocalNamespace(state_.name).Types(), "no hash"});
  EXPECT_THROW(Apply(200, 7, "U\t1\tt\t5\ta\t{\"id\":2}\t6\n"), CopyDamaged);
}

TEST_F(ApplyScriptTest, AKeyOfAnotherTypeIsDroppedAndNothingElse) {
  redis_->Command({"SET", Item("a"), "no hash"});
  redis_->Command({"SET", Fill("a"), "no list"});
  Hold("b", R"({"id":1})", "6");
  EXPECT_EQ(Apply(200, 7, "U\t1\tt\t5\ta\t{\"id\":2}\t6\nU\t2\tt\t5\tb\t{\"id\":2}\t6\n", 2), 2);
  EXPECT_EQ(Count({"EXISTS", Item("a"), Fill("a")}), 0);
  EXPECT_EQ(Field("b", "r"), R"({"id":2})");

  redis_->Command({"SET", Item("a"), "no hash"});
  redis_->Command({"SET", Fill("b"), "no list"});
  redis_->Command({"DEL", Item("b")});
  store_->Release();
  const read::LocalCopy copy(options_);
  const auto read = copy.Read(*redis_, "t", {"a", "b"});
  ASSERT_EQ(read.items.size(), 2U);
  EXPECT_EQ(read.items[0].state, read::HeldItem::State::kUnknown);
  const auto lease = copy.BeginFill(*redis_, "t", "token", {"a", "b"});
  ASSERT_TRUE(lease);
  EXPECT_EQ(lease->markers, (std::vector<std::string>{"token", "token"}));
  redis_->Command({"SET", Fill("a"), "no list"});
  redis_->Command({"SET", Item("b"), "no hash"});
  read::RowsAsOf as_of;
  as_of.snapshot = "10:10:";
  const read::FetchedItem fetched{true, R"({"id":3})", "6", "5"};
  const auto stored = copy.StoreFill(*redis_, "t", *lease, as_of, {"a", "b"}, lease->markers, {fetched, fetched});
  EXPECT_EQ(stored.items[0].state, read::HeldItem::State::kUnknown) << "its marker has collected nothing";
  EXPECT_EQ(stored.items[1].row, R"({"id":3})");
  redis_->Command({"DEL", Fill("a")});
  redis_->Command({"SET", Fill("a"), "no list"});
  copy.AbandonFill(*redis_, "t", *lease, {"a"});
  EXPECT_EQ(Count({"EXISTS", Fill("a")}), 0);
}

TEST_F(ApplyScriptTest, AStateOfAnotherTypeIsNoCopy) {
  redis_->Command({"DEL", LocalStateKey(options_.prefix)});
  redis_->Command({"SET", LocalStateKey(options_.prefix), "no hash"});
  EXPECT_FALSE(store_->ReadState());
  store_->Reset({Epoch{1, 1, 1}, Version{900, 3}, 899, {}});
  EXPECT_TRUE(store_->ReadState());
}

TEST_F(ApplyScriptTest, ARedisThatDoesNotTakeWritesIsNoDamage) {
  const auto refused = [&](const std::string &code, const std::string &setting, const std::string &value) {
    Hold("a", R"({"id":1})", "6");
    const std::string before = std::string(redis_->Command({"CONFIG", "GET", setting})[1].Text());
    redis_->Command({"CONFIG", "SET", setting, value});
    std::string problem;
    try {
      Apply(200, 7, "U\t1\tt\t5\ta\t{\"id\":2}\t6\n");
    } catch (const RedisReplyError &error) {
      if (error.Is(code)) problem = code;
    } catch (const CopyDamaged &error) {
      problem = std::string("damage: ") + error.what();
    }
    redis_->Command({"CONFIG", "SET", setting, before});
    EXPECT_EQ(problem, code);
    EXPECT_EQ(Field("a", "r"), R"({"id":1})");
    EXPECT_EQ(Get({"HGET", "itemize:local", "applied"}), "100-0");
  };
  refused("OOM", "maxmemory", "1");
  refused("NOREPLICAS", "min-replicas-to-write", "1");
  EXPECT_EQ(Apply(200, 7, "U\t1\tt\t5\ta\t{\"id\":2}\t6\n"), 1) << "as soon as it does";
}

TEST_F(ApplyScriptTest, ABatchAfterOneThatFailedChangesNothing) {
  Hold("a", R"({"id":1})", "6");
  ApplyBatch batch;
  ASSERT_EQ(batch.Add("300-1", "B\t1\t0/12C\t7\t1000\t\nD\t1\tt\t5\ta\nC\t0/12C\t1\n"), ApplyBatch::Added::kWhole);
  EXPECT_THROW(Apply(state_.name, batch, {200, 1}), RedisReplyError);
  EXPECT_EQ(Field("a", "r"), R"({"id":1})");
  EXPECT_EQ(Get({"HGET", "itemize:local", "applied"}), "100-0");
}

/// One transaction at LSN 200 in one piece: updates of the keys 1 to `count`, each row with its ordinal.
std::string LargePiece(std::uint64_t count, std::uint64_t first = 1) {
  std::string piece = "B\t1\t0/C8\t7\t1000\t\n";
  for (std::uint64_t i = first; i <= count; ++i) {
    const std::string row = "{\"o\":" + std::to_string(i) + "}";
    piece += "U\t" + std::to_string(i) + "\tt\t5\t" + std::to_string(i % 7) + "\t" + row + "\t" +
             std::to_string(row.size() - 2) + "\n";
  }
  return piece + "C\t0/C8\t" + std::to_string(count) + "\n";
}

TEST_F(ApplyScriptTest, ALargePieceIsAppliedInStepsAndThePositionMovesLast) {
  for (int key = 0; key < 7; ++key)
    Hold(std::to_string(key), R"({"o":0})", "5");
  const std::string piece = LargePiece(1250);
  ApplyBatch batch;
  int steps = 0;
  Version after;
  while (batch.Add("200-1250", piece) == ApplyBatch::Added::kPart) {
    Apply(state_.name, batch, after);
    after = batch.reached();
    batch.Clear();
    ++steps;
    EXPECT_EQ(Get({"HGET", "itemize:local", "applied"}), "100-0");
    EXPECT_EQ(Get({"HGET", "itemize:local", "step"}), "200-" + std::to_string(steps * 500));
    EXPECT_EQ(Count({"EXISTS", LocalNamespace(state_.name).Stream()}), 0) << "readers of the stream see it whole";
  }
  EXPECT_EQ(steps, 2);
  Apply(state_.name, batch, after);
  EXPECT_EQ(Get({"HGET", "itemize:local", "applied"}), "200-1250");
  EXPECT_EQ(Get({"HGET", "itemize:local", "step"}), "(nil)");
  EXPECT_EQ(Field("1", "r"), R"({"o":1247})");
  EXPECT_EQ(Count({"XLEN", LocalNamespace(state_.name).Stream()}), 1);
}

TEST_F(ApplyScriptTest, ARowFromBeforeAStepIsNotStoredBehindIt) {
  const std::string begin = "B\t1\t0/C8\t7\t1000\t\n";
  const std::string piece = begin + "U\t1\tt\t5\tcold\t{\"o\":1}\t5\n" + LargePiece(600, 2).substr(begin.size());
  redis_->Command({"HSET", "itemize:local", LocalField::kAhead, "100 - " + state_.name});
  const read::LocalCopy copy(options_);
  const auto store = [&](const read::FillLease &lease, Lsn replayed) {
    const read::RowsAsOf as_of{"", 0, replayed};
    return copy.StoreFill(*redis_, "t", lease, as_of, {"cold"}, lease.markers, {{true, R"({"o":0})", "5", "5"}})
        .outcome;
  };
  using Outcome = read::StoredFill::Outcome;
  ApplyBatch batch;
  ASSERT_EQ(batch.Add("200-600", piece), ApplyBatch::Added::kPart);
  Apply(state_.name, batch);
  const Version after = batch.reached();
  batch.Clear();
  const auto lease = copy.BeginFill(*redis_, "t", "token", {"cold"});
  ASSERT_TRUE(lease.has_value());
  EXPECT_EQ(lease->markers, std::vector<std::string>{"token"});
  EXPECT_EQ(store(*lease, 100), Outcome::kOld) << "of the position applied";
  EXPECT_EQ(store(*lease, 200), Outcome::kEarly) << "the transaction's own";
  ASSERT_EQ(batch.Add("200-600", piece), ApplyBatch::Added::kWhole);
  Apply(state_.name, batch, after);
  EXPECT_EQ(store(*lease, 150), Outcome::kOld);
  EXPECT_EQ(Count({"EXISTS", Item("cold")}), 0);
  EXPECT_EQ(store(*lease, 200), Outcome::kDone);
  EXPECT_EQ(Count({"EXISTS", Item("cold")}), 1);
}

TEST_F(ApplyScriptTest, AStepMayBeginInTheBatchInWhichAnotherPieceEnds) {
  const std::string first = LargePiece(600);
  std::string second = LargePiece(1650, 601);
  ApplyBatch batch;
  ASSERT_EQ(batch.Add("200-600", first), ApplyBatch::Added::kPart);
  Apply(state_.name, batch);
  Version after = batch.reached();
  batch.Clear();
  ASSERT_EQ(batch.Add("200-600", first), ApplyBatch::Added::kWhole);
  ApplyBatch::Added added = batch.Add("200-1650", second);
  for (; added == ApplyBatch::Added::kPart; added = batch.Add("200-1650", second)) {
    Apply(state_.name, batch, after);
    after = batch.reached();
    batch.Clear();
  }
  Apply(state_.name, batch, after);
  EXPECT_EQ(Get({"HGET", "itemize:local", "applied"}), "200-1650");
}

TEST_F(ApplyScriptTest, APieceBegunBeforeACrashDoesNotGoBack) {
  Hold("1", R"({"o":0})", "5");
  const std::string piece = LargePiece(1250);
  ApplyBatch first;
  ASSERT_EQ(first.Add("200-1250", piece), ApplyBatch::Added::kPart);
  Apply(state_.name, first);
  EXPECT_EQ(Field("1", "r"), R"({"o":498})"); // of 500 changes the last one of key 1
  // Another applier begins with the piece once more; a reader must not see an older state meanwhile.
  ApplyBatch again;
  ASSERT_EQ(again.Add("200-1250", piece), ApplyBatch::Added::kPart);
  EXPECT_EQ(Apply(state_.name, again).touched, 0);
  EXPECT_EQ(Field("1", "r"), R"({"o":498})");
}

TEST_F(ApplyScriptTest, PiecesWithOtherBoundsAreAppliedFromWhereTheOthersEnded) {
  Hold("1", R"({"o":0})", "5");
  std::string begin = LargePiece(10);
  begin.replace(begin.rfind("C\t"), 1, "P");
  ApplyBatch batch;
  ASSERT_EQ(batch.Add("200-10", begin), ApplyBatch::Added::kWhole);
  EXPECT_EQ(Apply(state_.name, batch).touched, 2); // ordinals 1 and 8
  batch.Clear();
  ASSERT_EQ(batch.Add("200-20", LargePiece(20)), ApplyBatch::Added::kWhole);
  EXPECT_EQ(Apply(state_.name, batch).touched, 1); // ordinal 15
  EXPECT_EQ(Field("1", "r"), R"({"o":15})");
  EXPECT_EQ(Get({"HGET", "itemize:local", "applied"}), "200-20");
}

TEST(ApplyBatch, RefusesAMalformedPieceAndStaysAsItWas) {
  ApplyBatch batch;
  EXPECT_EQ(batch.Add("16-1", "B\t1\t0/10\t1\t0\t\nD\t1\ta\t1\tk\n"), ApplyBatch::Added::kMalformed);
  EXPECT_EQ(batch.Add("16-1", "nonsense"), ApplyBatch::Added::kMalformed);
  EXPECT_TRUE(batch.empty());
  EXPECT_EQ(batch.piece_arguments().arguments(), 0U);
}

} // namespace
