// The global stream in Redis, as its one writer sees it.
#pragma once

#include "itemize/change_event.hpp"
#include "itemize/lsn.hpp"
#include "options.hpp"
#include "redis/connection.hpp"
#include "redis/keys.hpp"
#include "redis/script.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace itemize::sidecar {

/// Another process has taken the slot, or the epoch is not ours any more: start over.
class OwnershipLost : public Error {
public:
  using Error::Error;
};

/// A definition as the types hash holds it.
struct TypeState {
  std::string type;
  std::string state; ///< "<generation> <read>"
};

struct StreamEntry {
  Version version;
  std::string piece;
  /// Definitions made, replaced or dropped in the piece.
  std::vector<TypeState> types;
  /// The piece tells of an erasure.
  bool erasure = false;
};

/// Redis does not take entries now (no memory left, no disk for its snapshot): wait, and nothing is lost.
class StreamFull : public Error {
public:
  using Error::Error;
};

/// What an entry of the stream says of its transaction.
struct StreamedPiece {
  Version version;
  PieceHeader header; ///< without its origin
};

class StreamWriter {
public:
  /// Connects. Uses the options' prefix, lease and stream bounds.
  StreamWriter(const RedisEndpoint &endpoint, const Options &options);

  struct Found {
    std::optional<Epoch> epoch;
    std::optional<Version> last;
    std::optional<Version> first; ///< the oldest entry
    Lsn passed = 0;               ///< how far clusters were told that the stream has passed the write-ahead log
  };
  /// Makes this object the only one whose publishing succeeds, for the length of a lease, which publishing and
  /// CheckOwnership renew. To be called once the slot is ours. `pid`: of our walsender.
  Found Claim(int pid);
  /// Whether the walsender `pid` belongs to a publisher that has claimed the stream and let its lease lapse.
  bool HolderLapsed(int pid);
  /// What proves the claim to the scripts of other connections.
  [[nodiscard]] const std::string &token() const { return token_; }

  /// Bytes of the longest piece that this Redis takes.
  [[nodiscard]] std::size_t longest_piece() const { return longest_piece_; }

  /// Begins `epoch` with a heartbeat at `start`; what the epoch before it left expires.
  void BeginEpoch(const Epoch &epoch, const std::optional<Epoch> &previous, Lsn start,
                  const std::vector<TypeState> &types);
  /// Goes on with the epoch that Claim found.
  void ContinueEpoch(const Epoch &epoch);

  /// Appends entries, in order, in one round trip. Those whose ids the stream has passed already are
  /// left out by Redis. `meanwhile` is called every now and then until Redis answers; it must not use this object.
  /// Throws OwnershipLost and StreamFull.
  void Publish(const std::vector<StreamEntry> &entries, const std::function<void()> &meanwhile = {});
  /// Tells that everything up to `lsn` is in the stream, which goes up to `last`, if it is of the stream at all. Costs
  /// no entry. Gives whether a cluster follows such news. Renews the lease; throws as Publish.
  bool Pass(Lsn lsn, const Version &last);
  /// Throws unless Redis answers and this is still the owner; renews the lease.
  void CheckOwnership();

  /// Entries behind a version, in order, up to a thousand; their pieces are not sent. Those without a header are left
  /// out.
  std::vector<StreamedPiece> HeadersAfter(const Version &after);

private:
  Reply RunChecked(const RedisScript &script, const RedisArguments &keys, const RedisArguments &arguments,
                   const std::function<void()> &meanwhile = {});
  void SetEpoch(const Epoch &epoch);

  RedisConnection connection_;
  GlobalKeys keys_;
  std::size_t longest_piece_ = 0;
  std::string max_entries_;
  std::string lease_milliseconds_;
  /// A mark is set after so much of each.
  std::string mark_bytes_;
  std::string mark_entries_;
  std::string mark_milliseconds_;
  std::string token_;
  std::string owner_key_;
  std::string epoch_key_;
  std::string epoch_;
  std::string stream_key_;
  std::string types_key_;
  std::string size_key_;
  std::string marks_key_;
  std::string passed_key_;
  std::string followed_key_;
};

} // namespace itemize::sidecar
