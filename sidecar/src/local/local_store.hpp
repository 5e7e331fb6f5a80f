// The cluster's copy in the local Redis, as its applier writes it.
#pragma once

#include "itemize/lsn.hpp"
#include "local/apply_batch.hpp"
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

class LocalStore {
public:
  LocalStore(const RedisEndpoint &endpoint, const Options &options);

  struct State {
    Epoch epoch;
    Version applied;
    std::string name; ///< LocalNamespace::name()
    Lsn complete = 0; ///< LocalField::kComplete; 0 when the copy does not tell
    /// Whether an applier brought it up to date in this very server. In another one (restarted, or a replica that was
    /// promoted) it may be older than what readers have shown.
    bool of_this_server = true;
    /// Somebody waits for what no entry tells (AwaitedKey).
    bool awaited = false;
  };
  /// Nothing when the local Redis holds no copy.
  std::optional<State> ReadState();

  /// Begins the copy anew, empty, at the tip. What it held before is out of reach at once.
  State Reset(const StreamTip &tip);

  struct Applied {
    std::int64_t pieces = 0;  ///< not applied before
    std::int64_t touched = 0; ///< held items and fills in progress that they changed
    std::int64_t merged = 0;  ///< rows completed from the held ones
    std::int64_t dropped = 0; ///< items given up because their rows could not be completed
    std::int64_t stream_entries = 0;
    std::int64_t stream_bytes = 0;
  };
  /// Sends the batch, which goes on from `after`, and does not wait. No other function but Collect may be called before
  /// the answer to each batch sent has been collected.
  void Send(const std::string &name, const Version &after, ApplyBatch &batch);
  /// What the oldest batch sent has done. Throws NamespaceChanged and CopyDamaged.
  Applied Collect();
  /// Batches sent and not collected.
  [[nodiscard]] std::size_t in_flight() const { return in_flight_; }
  /// Everything up to `passed.lsn` is applied whole, if what it names has been: raises LocalField::kComplete.
  void RaiseComplete(const std::string &name, const Passed &passed);

  /// Takes in what is under way, whatever it says.
  void Settle();

  /// The eviction policy of this Redis when it takes keys without an expiry, of which the copy does not stay true; else
  /// empty, also when Redis does not tell.
  std::string HarmfulEviction();

  /// Longest piece that this Redis takes, in bytes.
  [[nodiscard]] std::size_t longest_piece() const { return longest_piece_; }

  /// Puts the items, not the stream, out of reach: readers may have shown newer ones, read from the database ahead of
  /// the stream, so to reach the stream's end does not make up for what a server has lost.
  void DropItems(const std::string &name);

  /// Lets readers have the copy: it has reached the end of the stream while in this server.
  void Release();

  /// Deletes some of what a reset left behind; false when nothing is left.
  bool Sweep();

private:
  RedisConnection connection_;
  std::string state_key_;
  std::string awaited_key_;
  std::string prefix_;
  std::size_t longest_piece_;
  std::size_t in_flight_ = 0;
  std::string most_entries_;
  std::string most_bytes_;
  std::string item_ttl_;
  std::string missing_ttl_;
  /// Namespace to sweep, empty: none, and where SCAN goes on.
  std::string swept_;
  std::string cursor_ = "0";
};

} // namespace itemize::sidecar
