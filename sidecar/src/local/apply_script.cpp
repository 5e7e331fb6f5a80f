#include "local/apply_script.hpp"

#include "redis/lua_prelude.hpp"

namespace itemize::sidecar {

const RedisScript &ApplyScript() {
  static const RedisScript script(std::string(kLuaPrelude) + R"lua(
local namespace, longest, item_ttl, missing_ttl, most_events = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
if redis.call('HGET', KEYS[1], 'namespace') ~= namespace then return {err = 'NOTNAMESPACE the copy was begun anew'} end

local types_key = namespace .. ':local:types'
local types = {}
-- generation, read and truncations of a type; generation '0' when it is unknown
local function type_state(name)
  local state = types[name]
  if not state then
    local text = redis.call('HGET', types_key, name)
    state = {'0', '-', '0'}
    if text then state = {string.match(text, '^(%d+) (%S+) (%d+)$')} end
    types[name] = state
  end
  return state
end
local function set_type_state(name, generation, read, truncations)
  types[name] = {generation, read, truncations}
  redis.call('HSET', types_key, name, generation .. ' ' .. read .. ' ' .. truncations)
end

local touched = 0

local function update_item(item, xid, kind, row, lengths)
  local held = redis.call('HMGET', item, 'r', 'l', 'd', 's')
  -- Read by a fill that was ahead of the stream: it must not go back to this event (invariant I2).
  if held[4] and contains(held[4], xid) then
    redis.call('HDEL', item, 'w')
    return
  end
  if kind == 'D' then
    redis.call('HSET', item, 'd', '1')
    redis.call('HDEL', item, 'r', 'l', 's', 'w')
    redis.call('EXPIRE', item, missing_ttl)
    return
  end
  if has_absent(lengths) then
    if held[1] and held[2] then row, lengths = merge(row, lengths, held[1], held[2]) else row = nil end
    if not row then
      redis.call('UNLINK', item) -- the next read fills it
      return
    end
  end
  redis.call('HSET', item, 'r', row, 'l', lengths)
  redis.call('HDEL', item, 'd', 's', 'w')
  if held[3] then redis.call('EXPIRE', item, item_ttl) end
end

local function apply_row(piece, xid, at)
  local kind, name, generation, key = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local state = type_state(name)
  if state[1] ~= generation then return end -- items of another definition are out of reach
  local address = name .. ':' .. generation .. '.' .. state[3] .. ':' .. key
  local item, fill = namespace .. ':item:' .. address, namespace .. ':fill:' .. address
  if redis.call('EXISTS', item, fill) == 0 then return end
  touched = touched + 1
  local row, lengths = '', ARGV[at + 6]
  if kind ~= 'D' then row = string.sub(piece, tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5])) end
  if redis.call('EXISTS', item) == 1 then update_item(item, xid, kind, row, lengths) end
  local collected = redis.call('RPUSHX', fill, xid .. '\t' .. kind .. '\t' .. row .. '\t' .. lengths)
  if collected > most_events then redis.call('DEL', fill) end
end

local function apply_definition(name, generation, read)
  local state = type_state(name)
  if less(generation, state[1]) then return end
  set_type_state(name, generation, read, generation == state[1] and state[3] or '0')
end

local function apply_truncate(name, generation)
  local state = type_state(name)
  if state[1] == generation then set_type_state(name, generation, state[2], tostring(tonumber(state[3]) + 1)) end
end

local applied = redis.call('HGET', KEYS[1], 'applied')
local stream = namespace .. ':local:stream'
local pieces, at, last = 0, 6, #ARGV
while at <= last do
  local id, piece, xid, complete, changes = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], tonumber(ARGV[at + 4])
  at = at + 5
  if id_less(applied, id) then
    for i = 0, changes - 1 do
      local change = at + i * 7
      local kind = ARGV[change]
      if kind == 'Y' then apply_definition(ARGV[change + 1], ARGV[change + 2], ARGV[change + 3])
      elseif kind == 'T' then apply_truncate(ARGV[change + 1], ARGV[change + 2])
      else apply_row(piece, xid, change) end
    end
    redis.call('XADD', stream, 'MAXLEN', '~', longest, id, 'p', piece)
    -- With each piece, not once at the end: an error further on takes nothing back of what was written.
    if complete == '' then
      redis.call('HSET', KEYS[1], 'applied', id)
    else
      redis.call('HSET', KEYS[1], 'applied', id, 'complete', complete)
    end
    applied = id
    pieces = pieces + 1
  end
  at = at + changes * 7
end
return {pieces, touched}
)lua");
  return script;
}

} // namespace itemize::sidecar
