// Follows the local stream, in a thread of its own, and tells the hub.
#pragma once

#include "base/stop_token.hpp"
#include "live/hub.hpp"
#include "read/item_reader.hpp"

namespace itemize::sidecar::live {

class Feed {
public:
  Feed(Hub &hub, read::ReadBackends &backends);

  /// Until a stop is requested. Faults of Redis are waited out.
  void Run(const StopToken &stop);

private:
  void Follow(const StopToken &stop);
  /// Finds the running local copy, and goes on where this feed was if that is still possible.
  void Find(RedisConnection &redis, const StopToken &stop);

  Hub &hub_;
  read::ReadBackends &backends_;
  LocalStream stream_;
  read::ItemReader reader_;
  /// Where this feed is; namespace empty before it has been anywhere.
  std::string name_space_;
  Position position_;
};

} // namespace itemize::sidecar::live
