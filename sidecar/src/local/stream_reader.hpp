// The global stream in Redis, as a cluster reads it.
#pragma once

#include "itemize/lsn.hpp"
#include "redis/connection.hpp"
#include "redis/keys.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace itemize::sidecar {

/// The stream at one moment: what a copy that is begun anew starts from.
struct StreamTip {
  Epoch epoch;
  Version last;
  /// Every transaction up to here is whole in the stream up to `last`.
  Lsn complete = 0;
  /// Type -> "<generation> <read>" as of `last`.
  std::vector<std::pair<std::string, std::string>> types;
};

/// Everything of the write-ahead log up to `lsn` is in the stream up to `last`, if it is of the stream at all.
struct Passed {
  Lsn lsn = 0;
  Version last;
};

class StreamReader {
public:
  StreamReader(const RedisEndpoint &endpoint, const std::string &prefix);

  /// Nothing while no epoch has begun.
  std::optional<StreamTip> ReadTip();

  struct Batch {
    /// What was asked for: entries after this one.
    Version after;
    /// Array of entries {id, {"p", piece}}; see size().
    Reply reply;
    /// What the stream holds, read after the entries.
    std::optional<Epoch> epoch;
    std::optional<Version> first;
    std::optional<Version> last;
    /// As of then too, when it is followed.
    std::optional<Passed> passed;

    [[nodiscard]] std::size_t size() const { return reply.size(); }
    [[nodiscard]] ReplyView entry(std::size_t index) const { return reply[index]; }
  };
  /// Asks for entries after `after`, some thousand small ones or a megabyte; Redis waits for some up to `longest_wait`.
  /// One question at a time.
  void Ask(const Epoch &epoch, const Version &after, std::chrono::milliseconds longest_wait);
  /// From the next question on: whether it is also answered when there is news of what has passed.
  void FollowPassed(bool follow) {
    follow_passed_ = follow;
    if (!follow) passed_ = {};
  }
  /// Whether the answer has come, or begins to.
  [[nodiscard]] bool AnswerWaits() const { return connection_.AnswerWaits(); }
  Batch Receive();
  /// Whether a question waits to be answered.
  [[nodiscard]] bool asked() const { return asked_.has_value(); }

  /// Registers what a cluster has applied, so that the stream is kept for it. Of two copies that go by one name the one
  /// that is behind counts; true when there are two. `copy`: what tells copies apart.
  bool Report(const Epoch &epoch, const std::string &cluster, const Version &applied, Lsn complete,
              const std::string &copy);

private:
  RedisConnection connection_;
  GlobalKeys keys_;
  std::optional<Version> asked_;
  /// Of this stream, as of the last answer: its last entry, and the last one that is not small.
  std::string stream_;
  std::optional<Version> last_;
  std::optional<Version> last_large_;
  /// The question that is asked waits for an entry first: one answer more.
  bool waits_ = false;
  bool follow_passed_ = false;
  /// Id of the last news of what has passed.
  Version passed_;
};

} // namespace itemize::sidecar
