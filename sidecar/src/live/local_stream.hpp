// The local stream in Redis, as the live side reads it.
#pragma once

#include "itemize/lsn.hpp"
#include "redis/connection.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace itemize::sidecar::live {

/// What the running local copy says about a type.
struct TypeAccess {
  std::uint64_t generation = 0;
  bool readable = false;
};

using TypeAccesses = std::unordered_map<std::string, TypeAccess>;

/// The value of the types hash, `<generation> <read> <truncations>`.
[[nodiscard]] TypeAccess ParseTypeAccess(std::string_view value);

/// One consistent look at the local copy.
struct LocalState {
  std::string name_space;
  Position position;
  /// Up to here (inclusive) the stream was never filled.
  Version base;
  /// Of what is left in the stream; nothing when it is empty.
  std::optional<Version> first;
  /// Entries have been cut off the front.
  bool trimmed = true;
  TypeAccesses types;

  /// Whether everything after `version` is still in the stream.
  [[nodiscard]] bool Covers(const Version &version) const;
};

struct StreamEntry {
  Version id;
  std::string piece;
};

class LocalStream {
public:
  explicit LocalStream(const std::string &prefix);

  /// Nothing when there is no local copy yet.
  std::optional<LocalState> ReadState(RedisConnection &redis) const;
  /// The namespace of the running local copy, empty when there is none.
  std::string ReadNamespace(RedisConnection &redis) const;

  /// Waits up to `block` for entries after `after`; empty when none came.
  static std::vector<StreamEntry> Await(RedisConnection &redis, const std::string &name_space, const Version &after,
                                        std::chrono::milliseconds block);
  /// Entries after `after` up to `last`, as many as StreamPiecesScript() gives; empty when there are none.
  static std::vector<StreamEntry> Range(RedisConnection &redis, const std::string &name_space, const Version &after,
                                        const Version &last);

private:
  std::string state_key_;
};

} // namespace itemize::sidecar::live
