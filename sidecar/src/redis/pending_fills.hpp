// Which fills are under way in a local copy, so that the applier need not ask for each change whether its key is being
// filled: mostly none is.
#pragma once

#include "redis/keys.hpp"

#include <string>

namespace itemize::sidecar {

/// Source of these Lua functions, to be put before a script's own text. A marker counts only while it is listed, so one
/// that the applier did not look for has no effect; and it is listed for longer than it lives. `marker` is its key. The
/// list does not expire, else it could be evicted before the markers; and it does not hold keys of items as text.
///   list_fill(namespace, marker, now, ttl)   with the marker; milliseconds
///   is_listed_fill(namespace, marker)
///   unlist_fill(namespace, marker)           with the marker
///   fills_pending(namespace)                 whether any is listed
///   forget_old_fills(namespace)              those of which the markers have expired
inline std::string PendingFillsLua() {
  return "local fills_room = '" + std::string(LocalNamespace::kFills) + "'\n" + R"lua(
local function list_fill(namespace, marker, now, ttl)
  redis.call('ZADD', namespace .. fills_room, string.format('%.0f', now + ttl), redis.sha1hex(marker))
end
local function is_listed_fill(namespace, marker)
  return redis.call('ZSCORE', namespace .. fills_room, redis.sha1hex(marker)) and true or false
end
local function unlist_fill(namespace, marker)
  redis.call('ZREM', namespace .. fills_room, redis.sha1hex(marker))
end
local function fills_pending(namespace)
  return redis.call('ZCARD', namespace .. fills_room) > 0
end
local function forget_old_fills(namespace)
  local time = redis.call('TIME')
  -- A second more: the markers' own times are taken at another moment of their script.
  redis.call('ZREMRANGEBYSCORE', namespace .. fills_room, '-inf', string.format('%d000', time[1] - 1))
end
)lua";
}

} // namespace itemize::sidecar
