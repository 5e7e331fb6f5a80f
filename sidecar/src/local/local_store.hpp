// The cluster's copy in the local Redis, as its applier writes it.
#pragma once

#include "itemize/change_event.hpp"
#include "itemize/lsn.hpp"
#include "local/stream_reader.hpp"
#include "options.hpp"
#include "redis/connection.hpp"
#include "redis/keys.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace itemize::sidecar {

/// The copy was begun anew by another applier of the same cluster: read the state again.
class NamespaceChanged : public Error {
public:
  using Error::Error;
};

/// The copy is not what the script expects, and trying again does not help: begin it anew.
class CopyDamaged : public Error {
public:
  using Error::Error;
};

/// Pieces that are applied by one script call. Views point into the reply that they came from.
class ApplyBatch {
public:
  /// False, and the batch as it was, when the piece is malformed.
  bool Add(std::string_view id, std::string_view piece);

  [[nodiscard]] bool empty() const { return pieces_ == 0; }
  /// Redis is busy with a full one for a few milliseconds.
  [[nodiscard]] bool full() const;
  [[nodiscard]] std::size_t pieces() const { return pieces_; }
  [[nodiscard]] std::size_t changes() const { return changes_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  /// Microseconds since the Unix epoch; 0 when there is no transaction in the batch.
  [[nodiscard]] std::int64_t last_commit_time() const { return last_commit_time_; }
  /// For ApplyScript, without its head.
  [[nodiscard]] RedisArguments Arguments() const;

private:
  /// Either a view of the reply or a number that is written out here.
  struct Argument {
    std::string_view view;
    std::string number;
  };

  std::vector<Argument> arguments_;
  std::size_t pieces_ = 0;
  std::size_t changes_ = 0;
  std::size_t bytes_ = 0;
  std::int64_t last_commit_time_ = 0;
};

class LocalStore {
public:
  LocalStore(const RedisEndpoint &endpoint, const Options &options);

  struct State {
    Epoch epoch;
    Version applied;
    std::string name; ///< LocalNamespace::name()
  };
  /// Nothing when the local Redis holds no copy.
  std::optional<State> ReadState();

  /// Begins the copy anew, empty, at the tip. What it held before is out of reach at once.
  State Reset(const StreamTip &tip);

  struct Applied {
    std::int64_t pieces = 0;  ///< not applied before
    std::int64_t touched = 0; ///< held items and fills in progress that they changed
  };
  /// Throws NamespaceChanged and CopyDamaged.
  Applied Apply(const std::string &name, const ApplyBatch &batch);

  /// Lets readers have the copy: it has reached the end of the stream while in this server.
  void Release();

  /// Deletes some of what a reset left behind; false when nothing is left.
  bool Sweep();

private:
  RedisConnection connection_;
  std::string state_key_;
  std::string prefix_;
  std::string longest_stream_;
  std::string item_ttl_;
  std::string missing_ttl_;
  /// Namespace to sweep, empty: none, and where SCAN goes on.
  std::string swept_;
  std::string cursor_ = "0";
};

} // namespace itemize::sidecar
