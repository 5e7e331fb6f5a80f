// The global stream and who reads it, at one moment.
#pragma once

#include "itemize/lsn.hpp"
#include "redis/connection.hpp"
#include "redis/keys.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace itemize::sidecar {

/// How much had been published when the stream ended with `id`.
struct StreamMark {
  Version id;
  std::uint64_t bytes = 0;
  std::uint64_t entries = 0;
  /// Unix milliseconds.
  std::uint64_t time = 0;
};

/// A cluster, or a consumer group, as it reported itself.
struct StreamConsumer {
  std::string name;
  /// Everything up to here is applied, or acknowledged by all of the group.
  Version position;
  /// Clusters: every transaction up to here is applied whole.
  Lsn complete = 0;
  /// Unix milliseconds of the report.
  std::uint64_t reported = 0;
};

struct StreamPicture {
  Epoch epoch;
  Version first;
  Version last;
  std::uint64_t length = 0;
  /// Published since the epoch began.
  std::uint64_t bytes = 0;
  std::uint64_t entries = 0;
  /// Of the newest entry that tells of an erasure; 0-0 without one.
  Version erased;
  /// The time of Redis, Unix milliseconds.
  std::uint64_t now = 0;
  /// A publisher renews its lease.
  bool owned = false;
  std::vector<StreamMark> marks;
  std::vector<StreamConsumer> clusters;
  std::vector<StreamConsumer> groups;
  /// Of rows, under way, for who begins with a snapshot (tail/floor.hpp).
  std::vector<StreamConsumer> copies;

  /// Bytes of the entries that the stream still holds, about.
  [[nodiscard]] std::uint64_t held_bytes() const;
  /// Seconds since the oldest entry was published, about.
  [[nodiscard]] double oldest_seconds() const;
  /// Seconds since a consumer reported itself.
  [[nodiscard]] double silent_seconds(const StreamConsumer &consumer) const;
  /// WAL between what a consumer has reported and the end of the stream.
  [[nodiscard]] std::uint64_t lag_bytes(const StreamConsumer &consumer) const;
};

/// Nothing while no epoch has begun.
std::optional<StreamPicture> ReadStreamPicture(RedisConnection &connection, const GlobalKeys &keys);

} // namespace itemize::sidecar
