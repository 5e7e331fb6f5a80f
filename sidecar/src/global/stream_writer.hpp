// The global stream in Redis, as its one writer sees it.
#pragma once

#include "itemize/lsn.hpp"
#include "redis/connection.hpp"
#include "redis/keys.hpp"
#include "redis/script.hpp"

#include <cstdint>
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
};

class StreamWriter {
public:
  /// Connects. `max_entries`: what the stream is trimmed to, about.
  StreamWriter(const RedisEndpoint &endpoint, const std::string &prefix, std::uint64_t max_entries);

  struct Found {
    std::optional<Epoch> epoch;
    std::optional<Version> last;
  };
  /// Makes this object the only one whose publishing succeeds. To be called once the slot is ours.
  Found Claim();

  /// Begins `epoch` with a heartbeat at `start`; what the epoch before it left expires.
  void BeginEpoch(const Epoch &epoch, const std::optional<Epoch> &previous, Lsn start,
                  const std::vector<TypeState> &types);
  /// Goes on with the epoch that Claim found.
  void ContinueEpoch(const Epoch &epoch);

  /// Appends entries, in order, in one round trip. Those whose ids the stream has passed already are
  /// left out by Redis. Throws OwnershipLost.
  void Publish(const std::vector<StreamEntry> &entries);
  /// Throws unless Redis answers and this is still the owner.
  void CheckOwnership();

private:
  Reply RunChecked(const RedisScript &script, const RedisArguments &keys, const RedisArguments &arguments);
  void SetEpoch(const Epoch &epoch);

  RedisConnection connection_;
  GlobalKeys keys_;
  std::string max_entries_;
  std::string token_;
  std::string owner_key_;
  std::string epoch_key_;
  std::string epoch_;
  std::string stream_key_;
  std::string types_key_;
};

} // namespace itemize::sidecar
