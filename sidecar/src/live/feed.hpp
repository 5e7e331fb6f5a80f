// Follows the local stream, in a thread of its own, and tells the hub.
#pragma once

#include "admission/register.hpp"
#include "base/stop_token.hpp"
#include "live/hub.hpp"
#include "read/item_reader.hpp"

#include <deque>
#include <string>

namespace itemize::sidecar::live {

class Feed {
public:
  Feed(Hub &hub, admission::Register &callers, read::ReadBackends &backends);

  /// Until a stop is requested. Faults of Redis are waited out.
  void Run(const StopToken &stop);

private:
  void Follow(const StopToken &stop);
  /// Tells of what was healed before the copy had applied what is behind `applied`.
  void TellHealed(const Version &applied);
  /// Finds the running local copy, and goes on where this feed was if that is still possible.
  void Find(RedisConnection &redis, const StopToken &stop);

  Hub &hub_;
  admission::Register &callers_;
  read::ReadBackends &backends_;
  LocalStream stream_;
  read::ItemReader reader_;
  /// Where this feed is; namespace empty before it has been anywhere.
  std::string name_space_;
  Position position_;
  /// The last healed item read, and those that are to be told when the feed has come to where the copy was then.
  std::string healed_after_;
  std::deque<HealedItem> healed_;
};

} // namespace itemize::sidecar::live
