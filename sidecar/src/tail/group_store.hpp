// A consumer group as the global Redis holds it: who its members are, who owns which partition, and how far each
// partition is acknowledged. Every step is one script, so members never see half of another's.
#pragma once

#include "itemize/lsn.hpp"
#include "options.hpp"
#include "redis/connection.hpp"
#include "redis/keys.hpp"
#include "redis/script.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace itemize::sidecar {

/// The group is not there (any more): it was given up, or the epoch is another one.
class GroupLost : public Error {
public:
  using Error::Error;
};

class GroupStore {
public:
  /// `token`: tells two processes of the same name apart.
  GroupStore(const Options &options, const std::string &epoch, std::string member, std::string token);

  struct Opened {
    enum class What {
      kOpen, ///< go on
      kCopy, ///< this member shall copy the rows, then call Open
      kWait, ///< another member copies
    };
    What what = What::kOpen;
    /// The group was made now. Whether there was one before, nobody can know: Redis may have lost it.
    bool made = false;
    /// What the copy contained that the group began with; empty: it began without one.
    std::string snapshot;
    Lsn horizon = 0;
  };
  /// Enters the group, which is made if it is not there: at `start`, or, without one, with a copy of the rows.
  Opened Enter(const std::optional<Version> &start);

  /// Ends the copy that Enter asked for.
  void CompleteCopy(const Version &start, const std::string &snapshot, Lsn horizon);

  using Positions = std::map<unsigned, Version>;
  struct Share {
    /// How many partitions this member should have.
    unsigned target = 0;
    /// Those it has, with their acknowledged positions.
    Positions owned;
  };
  /// Acknowledges, releases, and takes a share. With `leaving`, gives up everything.
  Share Sync(const Positions &acknowledged, const std::vector<unsigned> &released, bool leaving);

  /// Still here, while there is no time for Sync. During a copy, with what it needs of the stream.
  void Renew(const std::optional<Version> &floor);

  /// Gives the group up: it has missed something.
  void Forget();

private:
  Reply Run(const RedisScript &script, const RedisArguments &keys, const RedisArguments &arguments);

  RedisConnection connection_;
  std::string epoch_;
  std::string group_;
  std::string member_;
  std::string token_;
  std::string lease_milliseconds_;
  std::string group_key_;
  std::string groups_key_;
  std::string epoch_key_;
};

} // namespace itemize::sidecar
