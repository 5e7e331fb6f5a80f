// A local copy in a real Redis of the test's own, and batches applied to it.
#pragma once

#include "local/local_store.hpp"
#include "redis/keys.hpp"
#include "redis_fixture.hpp"

namespace itemize::sidecar {

/// An empty local copy at position 100-0, of which the type t is known.
class LocalCopyTest : public RedisTest {
protected:
  void SetUp() override {
    RedisTest::SetUp();
    if (!server) return;
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
  LocalStore::Applied Apply(const std::string &name, ApplyBatch &batch, const Version &after = {}) {
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
  [[nodiscard]] std::string Fills() const { return state_.name + std::string(LocalNamespace::kFills); }
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

  Options options_;
  std::optional<LocalStore> store_;
  LocalStore::State state_;
};

} // namespace itemize::sidecar
