#include "read/scripts.hpp"

#include "redis/lua_prelude.hpp"

#include <string>

namespace itemize::sidecar::read {

namespace {

/// Shared by all: the running local copy and the GEN of a type.
const std::string kPrelude = R"lua(
local function local_copy()
  local state = redis.call('HMGET', KEYS[1], 'namespace', 'epoch', 'applied', 'server')
  if not (state[1] and state[2] and state[3]) then return nil end
  return state[1], state[2], state[3], state[4]
end
local function type_of(namespace, type)
  local value = redis.call('HGET', namespace .. ':local:types', type)
  if not value then return nil end
  local generation, read, truncations = string.match(value, '^(%d+) (%S+) ?(%d*)$')
  if truncations == '' then truncations = '0' end
  return value, read, generation .. '.' .. truncations, generation
end
)lua";

const std::string kReadBody = R"lua(
local namespace, epoch, applied, server = local_copy()
if not namespace then return {} end
local type = ARGV[1]
local value, read, gen = type_of(namespace, type)
local answer = {namespace, epoch, applied, server or false, value or false}
if read ~= 'everyone' then return answer end
local room = namespace .. ':item:' .. type .. ':' .. gen .. ':'
for i = 3, #ARGV do
  local item = room .. ARGV[i]
  local held = redis.call('HMGET', item, 'r', 'd')
  if held[1] then
    redis.call('EXPIRE', item, ARGV[2])
    answer[i + 3] = held[1]
  elseif held[2] then
    answer[i + 3] = 1
  else
    answer[i + 3] = false
  end
end
return answer
)lua";

const std::string kFillBeginBody = R"lua(
local namespace, _, applied = local_copy()
if not namespace then return {} end
local type = ARGV[1]
local value, _, gen = type_of(namespace, type)
if not value then return {} end
local answer = {namespace, gen}
local room = namespace .. ':fill:' .. type .. ':' .. gen .. ':'
for i = 4, #ARGV do
  local marker = room .. ARGV[i]
  if redis.call('EXISTS', marker) == 0 then
    redis.call('RPUSH', marker, applied .. ' ' .. ARGV[3])
    redis.call('PEXPIRE', marker, ARGV[2])
    answer[i - 1] = 1
  else
    answer[i - 1] = 0
  end
end
return answer
)lua";

/// A marker is ours when its first element ends with our token: one that expired and was set anew by
/// another has not collected what passed before it.
const std::string kOwnMarker = R"lua(
local function owns(first, token)
  return first and string.sub(first, -#token - 1) == ' ' .. token
end
)lua";

const std::string kFillStoreBody = R"lua(
local type, namespace, gen, token, snapshot = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]

-- The collected events on top of what was fetched: row (false = missing), lengths, whether one was applied.
local function catch_up(events, row, lengths)
  local advanced = false
  for i = 2, #events do
    local xid, kind, new_row, new_lengths = string.match(events[i], '^(%d+)\t(%a)\t?([^\t]*)\t?([^\t]*)$')
    if not contains(snapshot, xid) then
      advanced = true
      if kind == 'D' then
        row, lengths = false, ''
      elseif not has_absent(new_lengths) then
        row, lengths = new_row, new_lengths
      else
        if not row then return nil end
        row, lengths = merge(new_row, new_lengths, row, lengths)
        if not row then return nil end
      end
    end
  end
  return true, row, lengths, advanced
end

local running_namespace = local_copy()
local _, _, running_gen, generation = type_of(namespace, type)
local current = running_namespace == namespace and running_gen == gen
local answer = {}
for i = 8, #ARGV, 4 do
  local key, row, lengths = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local n = (i - 8) / 4 + 1
  local suffix = type .. ':' .. gen .. ':' .. key
  local marker = namespace .. ':fill:' .. suffix
  local events = redis.call('LRANGE', marker, 0, -1)
  answer[n] = false
  if owns(events[1], token) then
    redis.call('DEL', marker)
    if row == '' then row = false end
    -- A row says which definition made it; a missing one has none.
    if current and (not row or ARGV[i + 3] == generation) then
      local merged, new_row, new_lengths, advanced = catch_up(events, row, lengths)
      if merged then
        local item = namespace .. ':item:' .. suffix
        redis.call('DEL', item)
        if new_row then
          redis.call('HSET', item, 'r', new_row, 'l', new_lengths)
          redis.call('EXPIRE', item, ARGV[6])
          answer[n] = new_row
        else
          redis.call('HSET', item, 'd', '1')
          redis.call('EXPIRE', item, ARGV[7])
          answer[n] = 1
        end
        -- The fill may be ahead of the stream: events that it contains must not take it back (I2).
        if not advanced then redis.call('HSET', item, 's', snapshot) end
      end
    end
  end
end
return answer
)lua";

const std::string kFillAbandonBody = R"lua(
local room = ARGV[2] .. ':fill:' .. ARGV[1] .. ':' .. ARGV[3] .. ':'
for i = 5, #ARGV do
  if owns(redis.call('LINDEX', room .. ARGV[i], 0), ARGV[4]) then redis.call('DEL', room .. ARGV[i]) end
end
return redis.status_reply('OK')
)lua";

} // namespace

const RedisScript kReadScript(kPrelude + kReadBody);
const RedisScript kFillBeginScript(kPrelude + kFillBeginBody);
const RedisScript kFillStoreScript(kLuaPrelude + kPrelude + kOwnMarker + kFillStoreBody);
const RedisScript kFillAbandonScript(kOwnMarker + kFillAbandonBody);

} // namespace itemize::sidecar::read
