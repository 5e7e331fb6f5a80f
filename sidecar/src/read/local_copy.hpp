// The cluster's copy in the local Redis, as readers see it.
#pragma once

#include "itemize/lsn.hpp"
#include "options.hpp"
#include "redis/connection.hpp"

#include <optional>
#include <string>
#include <vector>

namespace itemize::sidecar::read {

/// What is known about one key. The row of kFound is ready to be served.
struct HeldItem {
  enum class State { kUnknown, kFound, kMissing };
  State state = State::kUnknown;
  std::string row;
};

struct LocalRead {
  enum class Access {
    kNoCopy,     ///< nothing has been applied here yet
    kUnreadable, ///< no such type, or not for everyone
    kReadable,
  };
  Access access = Access::kNoCopy;
  /// The applier has not caught up since this Redis was started (LocalField::kServer): not to be shown.
  bool behind = false;
  /// Position that `items` is as of; set unless kNoCopy.
  std::optional<Position> position;
  std::vector<HeldItem> items;
};

/// A row that the database gave, or did not.
struct FetchedItem {
  bool found = false;
  std::string row;
  std::string member_lengths;
  std::string generation;
};

/// The right to fill some keys, from BeginFill to StoreFill or AbandonFill.
struct FillLease {
  std::string name_space;
  std::string gen;
  std::string token;
  /// For each key asked for: whether it is ours to fill.
  std::vector<bool> granted;
};

/// Stateless: all functions are one round trip and throw RedisError.
class LocalCopy {
public:
  explicit LocalCopy(const Options &options);

  LocalRead Read(RedisConnection &redis, const std::string &type, const std::vector<std::string> &keys) const;

  /// Sets markers. Nothing when there is no local copy or no such type.
  std::optional<FillLease> BeginFill(RedisConnection &redis, const std::string &type,
                                     const std::vector<std::string> &keys) const;
  /// `keys` and `fetched` go together, all of them granted; `snapshot` is what they were read under.
  /// kUnknown where the fill has to be tried again.
  std::vector<HeldItem> StoreFill(RedisConnection &redis, const std::string &type, const FillLease &lease,
                                  const std::string &snapshot, const std::vector<std::string> &keys,
                                  const std::vector<FetchedItem> &fetched) const;
  void AbandonFill(RedisConnection &redis, const std::string &type, const FillLease &lease,
                   const std::vector<std::string> &keys) const;

private:
  std::string state_key_;
  std::string item_ttl_;
  std::string missing_ttl_;
};

} // namespace itemize::sidecar::read
