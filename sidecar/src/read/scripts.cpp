#include "read/scripts.hpp"

#include "redis/lua_prelude.hpp"
#include "redis/pending_fills.hpp"

#include <string>

namespace itemize::sidecar::read {

namespace {

/// Shared by all: the running local copy, and the GEN of a type with who may read it.
const std::string kPrelude = R"lua(
local function local_copy()
  local state = redis.call('HMGET', KEYS[1], 'namespace', 'epoch', 'applied', 'server', 'complete', 'ahead')
  if not (state[1] and state[2] and state[3]) then return nil end
  return state[1], state[2], state[3], state[4], state[5] or '0', state[6]
end
local function type_of(namespace, type)
  local value = redis.call('HGET', namespace .. ':local:types', type)
  if not value then return nil end
  local generation, read, truncations = string.match(value, '^(%d+) ([^ ;]+)%S* ?(%d*)$')
  if truncations == '' then truncations = '0' end
  return value, read, generation .. '.' .. truncations, generation
end
)lua";

const std::string kReadBody = R"lua(
local namespace, epoch, applied, server, complete = local_copy()
if not namespace then return {} end
local type = ARGV[1]
local value, read, gen = type_of(namespace, type)
local answer = {namespace, epoch, applied, server or false, complete, value or false}
if not read or read == 'nobody' then return answer end
local room = namespace .. ':item:' .. type .. ':' .. gen .. ':'
-- A stamp for rows that have none; empty: none are wanted.
local stamp = ARGV[3]
local n = #answer
for i = 4, #ARGV, 2 do
  n = n + 1
  local item, known = room .. ARGV[i], ARGV[i + 1]
  local held = call_or_drop('HMGET', item, 'r', 'd', 'v') or {}
  if held[1] then
    redis.call('EXPIRE', item, ARGV[2])
    if held[3] and held[3] == known then
      answer[n] = 2
    elseif stamp == '' then
      answer[n] = held[1]
    else
      -- Without memory for it, the row is answered all the same.
      if not held[3] then held[3] = redis.pcall('HSET', item, 'v', stamp) == 1 and stamp end
      answer[n] = held[3] and {held[1], held[3]} or held[1]
    end
  elseif held[2] then
    answer[n] = 1
  else
    answer[n] = false
  end
end
return answer
)lua";

/// For items that are kept in memory: whether their rows are still those.
const std::string kCheckBody = R"lua(
local namespace, epoch, applied, server, complete = local_copy()
if not namespace then return {} end
local rooms, same = {}, {}
for i = 2, #ARGV, 3 do
  local type, key, stamp = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local room = rooms[type]
  if room == nil then
    local _, read, gen = type_of(namespace, type)
    room = read == 'everyone' and namespace .. ':item:' .. type .. ':' .. gen .. ':'
    rooms[type] = room
  end
  local kept = room and call_or_drop('HGET', room .. key, 'v') == stamp
  if kept and ARGV[1] ~= '' then redis.call('EXPIRE', room .. key, ARGV[1]) end
  same[#same + 1] = kept and '1' or '0'
end
return {epoch, applied, server or false, table.concat(same)}
)lua";

const std::string kFillBeginBody = R"lua(
local namespace, epoch, since_now = local_copy()
if not namespace then return {} end
-- Of a piece that is applied in steps, those before this one have passed: a row from before it would miss them.
local step = redis.call('HGET', KEYS[1], 'step')
if step and id_less(since_now, step) then since_now = step end
local type, ttl, lease, token = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local value, _, gen = type_of(namespace, type)
if not value then return {} end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local answer = {namespace, gen, epoch}
local room = namespace .. ':fill:' .. type .. ':' .. gen .. ':'
for i = 5, #ARGV do
  local marker = room .. ARGV[i]
  local grant = false
  local first = call_or_drop('LINDEX', marker, 0)
  local since, granted, owner = string.match(first or '', '^(%S+) (%d+) (%S+)$')
  if not owner or not is_listed_fill(namespace, marker) then
    -- Only then: once a script has written, Redis does not tell it any more that there is no memory.
    if first then redis.call('DEL', marker) end
    redis.call('RPUSH', marker, string.format('%s %.0f %s', since_now, now, token))
    grant = token
  else
    -- Ours from a request whose answer was lost; or one whose owner is late. It has collected all that passed since it
    -- was set, so whoever asks the database later may use it as well. One more each time the lease runs out.
    if owner == token or math.abs(now - granted) >= lease then
      redis.call('LSET', marker, 0, string.format('%s %.0f %s', since, now, owner))
      grant = owner
    end
  end
  if grant then
    redis.call('PEXPIRE', marker, ttl)
    list_fill(namespace, marker, now, tonumber(ttl))
  end
  answer[i - 1] = grant
end
return answer
)lua";

/// A marker is the one granted when its first element ends with that token: one that expired and was set anew by
/// another has not collected what passed before it, nor has one that is not listed.
const std::string kOwnMarker = R"lua(
local function owns(namespace, marker, first, token)
  return first and string.sub(first, -#token - 1) == ' ' .. token and is_listed_fill(namespace, marker)
end
)lua";

const std::string kFillStoreBody = R"lua(
local type, namespace, gen, snapshot, replayed, inserted = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local item_ttl, missing_ttl = ARGV[7], ARGV[8]
local first_key, per_key = 9, 5

-- The collected events on top of what was fetched: row (false = missing), lengths, whether one was applied.
local function catch_up(events, row, lengths)
  local advanced = false
  for i = 2, #events do
    local xid, kind, new_row, new_lengths = string.match(events[i], '^(%d+)\t(%a)\t?([^\t]*)\t?([^\t]*)$')
    -- A standby's row is stored once the stream has come as far, so that applying what it contains once more ends at
    -- the row as it is.
    if snapshot == '' or not contains(snapshot, xid) then
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

local running_namespace, _, _, server, complete, ahead = local_copy()
local _, _, running_gen, generation = type_of(namespace, type)
local current = running_namespace == namespace and running_gen == gen
local here = (server or '-') .. ' ' .. namespace
local function marker_of(key) return namespace .. ':fill:' .. type .. ':' .. gen .. ':' .. key end

-- How far fills from the primary, which are ahead of the stream, have shown rows; unknown in another copy, and in a
-- Redis that may have gone back.
local ahead_lsn
if ahead then
  local lsn, where = string.match(ahead, '^(%d+) (.*)$')
  if where == here then ahead_lsn = lsn end
end
if replayed ~= '' and current then
  if not ahead_lsn or less(replayed, ahead_lsn) then return 'old' end
  for i = first_key, #ARGV, per_key do
    local since = string.match(call_or_drop('LINDEX', marker_of(ARGV[i]), 0) or '', '^(%d+)-')
    if since and less(replayed, since) then return 'old' end
    if ARGV[i + 2] ~= '' and ARGV[i + 4] ~= generation then return 'old' end
  end
  -- The standby may show a commit that the primary does not show yet. What the stream has brought, it shows.
  if less(complete, replayed) then
    redis.call('SET', KEYS[2], '1', 'PX', 10000)
    return 'early'
  end
end

local answer, stored = {}, false
for i = first_key, #ARGV, per_key do
  local key, token, row, lengths = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local n = (i - first_key) / per_key + 1
  local marker = marker_of(key)
  local events = call_or_drop('LRANGE', marker, 0, -1) or {}
  answer[n] = false
  if owns(namespace, marker, events[1], token) then
    redis.call('DEL', marker)
    unlist_fill(namespace, marker)
    if row == '' then row = false end
    -- A row says which definition made it; a missing one has none.
    if current and (not row or ARGV[i + 4] == generation) then
      local merged, new_row, new_lengths, advanced = catch_up(events, row, lengths)
      if merged then
        local item = namespace .. ':item:' .. type .. ':' .. gen .. ':' .. key
        redis.call('DEL', item)
        if new_row then
          redis.call('HSET', item, 'r', new_row, 'l', new_lengths)
          redis.call('EXPIRE', item, item_ttl)
          answer[n] = new_row
        else
          redis.call('HSET', item, 'd', '1')
          redis.call('EXPIRE', item, missing_ttl)
          answer[n] = 1
        end
        stored = true
        -- The fill may be ahead of the stream: events that it contains must not take it back (I2).
        if snapshot ~= '' and not advanced then redis.call('HSET', item, 's', snapshot) end
      end
    end
  end
end
if stored and replayed == '' and (not ahead_lsn or less(ahead_lsn, inserted)) then
  redis.call('HSET', KEYS[1], 'ahead', inserted .. ' ' .. here)
end
return answer
)lua";

const std::string kForgetBody = R"lua(
local namespace = local_copy()
if not namespace then return redis.status_reply('OK') end
local type = ARGV[1]
local _, _, gen = type_of(namespace, type)
if gen then
  for i = 2, #ARGV do
    local suffix = type .. ':' .. gen .. ':' .. ARGV[i]
    local marker = namespace .. ':fill:' .. suffix
    redis.call('DEL', namespace .. ':item:' .. suffix, marker)
    unlist_fill(namespace, marker)
  end
end
redis.call('HDEL', KEYS[1], 'ahead')
return redis.status_reply('OK')
)lua";

/// Items are found by their type's generation and truncations.
const std::string kForgetTypeBody = R"lua(
local namespace = local_copy()
if not namespace then return redis.status_reply('OK') end
local value = redis.call('HGET', namespace .. ':local:types', ARGV[1])
local definition, truncations = string.match(value or '', '^(%d+ %S+) ?(%d*)$')
-- First: a script that has written is not refused for want of memory.
redis.call('HDEL', KEYS[1], 'ahead')
if definition then
  redis.call('HSET', namespace .. ':local:types', ARGV[1],
    string.format('%s %d', definition, (tonumber(truncations) or 0) + 1))
end
return redis.status_reply('OK')
)lua";

const std::string kFillAbandonBody = R"lua(
local room = ARGV[2] .. ':fill:' .. ARGV[1] .. ':' .. ARGV[3] .. ':'
for i = 5, #ARGV do
  local marker = room .. ARGV[i]
  if owns(ARGV[2], marker, call_or_drop('LINDEX', marker, 0), ARGV[4]) then
    redis.call('DEL', marker)
    unlist_fill(ARGV[2], marker)
  end
end
return redis.status_reply('OK')
)lua";

const std::string kStampBody = R"lua(
local namespace, epoch, applied, server = local_copy()
if not namespace then return {} end
local answer, rooms = {namespace, epoch, applied, server or false}, {}
for i = 2, #ARGV, 2 do
  local type = ARGV[i]
  if rooms[type] == nil then
    local _, _, gen = type_of(namespace, type)
    rooms[type] = gen and namespace .. ':item:' .. type .. ':' .. gen .. ':' or false
  end
  local item = rooms[type] and rooms[type] .. ARGV[i + 1]
  local held = item and call_or_drop('HMGET', item, 'r', 'v') or {}
  if held[1] and not held[2] then held[2] = redis.pcall('HSET', item, 'v', ARGV[1]) == 1 and ARGV[1] end
  answer[#answer + 1] = held[1] and held[2] and {held[1], held[2]} or false
end
return answer
)lua";

/// Whether all items of a page are what they were: then the rules of their types, and the rows of those types that each
/// sees for himself, each after its rule. With `ttl` they are kept for so long.
const std::string kPageStands = R"lua(
local function page_stands(namespace, items, ttl)
  local rooms, rules, owners, owned = {}, {}, {}, {}
  local _, lines = string.gsub(items, '\n', '\n')
  -- A key may be empty.
  for type, key, stamp in string.gmatch(items, '([^\t\n]+)\t([^\t\n]*)\t([^\n]+)\n') do
    lines = lines - 1
    if rooms[type] == nil then
      local _, read, gen = type_of(namespace, type)
      rooms[type] = gen and namespace .. ':item:' .. type .. ':' .. gen .. ':' or false
      rules[#rules + 1] = read
      owners[type] = read and string.match(read, '^owner:') and read
    end
    local item = rooms[type] and rooms[type] .. key
    if not item or call_or_drop('HGET', item, 'v') ~= stamp then return nil end
    if ttl then redis.call('EXPIRE', item, ttl) end
    if ttl and owners[type] then
      owned[#owned + 1] = owners[type]
      owned[#owned + 1] = call_or_drop('HGET', item, 'r') or ''
    end
  end
  if lines ~= 0 then return nil end
  return rules, owned
end
)lua";

const std::string kPageStoreBody = R"lua(
local namespace = local_copy()
local page = ARGV[1] .. ':page:' .. ARGV[2]
-- Nothing is written before it: then Redis would not tell any more that there is no memory.
if namespace ~= ARGV[1] or not page_stands(namespace, ARGV[7]) then return 0 end
redis.call('HSET', page, 'b', ARGV[4], 'c', ARGV[5], 'e', ARGV[6], 'i', ARGV[7])
redis.call('EXPIRE', page, ARGV[3])
return 1
)lua";

const std::string kPageFindBody = R"lua(
local namespace, epoch, applied, server, complete = local_copy()
if not namespace then return {} end
local answer = {epoch, applied, server or false, complete}
local page = namespace .. ':page:' .. ARGV[1]
local held = call_or_drop('HMGET', page, 'b', 'c', 'e', 'i') or {}
if not (held[1] and held[2] and held[3] and held[4]) then return answer end
local rules, owned = page_stands(namespace, held[4], ARGV[2])
if not rules then
  redis.call('UNLINK', page)
  return answer
end
redis.call('EXPIRE', page, ARGV[2])
for i = 1, 4 do answer[#answer + 1] = held[i] end
answer[#answer + 1] = rules
answer[#answer + 1] = owned
return answer
)lua";

const std::string kPageRemoveBody = R"lua(
local namespace = local_copy()
return namespace and redis.call('UNLINK', namespace .. ':page:' .. ARGV[1]) or 0
)lua";

} // namespace

const RedisScript kReadScript(std::string(kCallOrDropLua) + kPrelude + kReadBody);
const RedisScript kCheckScript(std::string(kCallOrDropLua) + kPrelude + kCheckBody);
const RedisScript kFillBeginScript(kLuaPrelude + PendingFillsLua() + kCallOrDropLua + kPrelude + kFillBeginBody);
const RedisScript kFillStoreScript(kLuaPrelude + PendingFillsLua() + kCallOrDropLua + kPrelude + kOwnMarker +
                                   kFillStoreBody);
const RedisScript kForgetScript(PendingFillsLua() + kPrelude + kForgetBody);
const RedisScript kForgetTypeScript(kPrelude + kForgetTypeBody);
const RedisScript kStampScript(std::string(kCallOrDropLua) + kPrelude + kStampBody);
const RedisScript kPageStoreScript(std::string(kCallOrDropLua) + kPrelude + kPageStands + kPageStoreBody);
const RedisScript kPageFindScript(std::string(kCallOrDropLua) + kPrelude + kPageStands + kPageFindBody);
const RedisScript kPageRemoveScript(kPrelude + kPageRemoveBody);
const RedisScript kFillAbandonScript(PendingFillsLua() + kCallOrDropLua + kOwnMarker + kFillAbandonBody);

} // namespace itemize::sidecar::read
