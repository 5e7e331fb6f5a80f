#include "local/apply_script.hpp"

namespace itemize::sidecar {

const RedisScript &ApplyScript() {
  static const RedisScript script(R"lua(
local namespace, longest, item_ttl, missing_ttl, most_events = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
if redis.call('HGET', KEYS[1], 'namespace') ~= namespace then return {err = 'NOTNAMESPACE the copy was begun anew'} end

-- Decimal numbers of any length: a Lua number holds only 53 bits.
local function less(a, b)
  if #a ~= #b then return #a < #b end
  return a < b
end

local function id_less(a, b)
  local a_lsn, a_ordinal = string.match(a, '^(%d+)-(%d+)$')
  local b_lsn, b_ordinal = string.match(b, '^(%d+)-(%d+)$')
  if a_lsn ~= b_lsn then return less(a_lsn, b_lsn) end
  return less(a_ordinal, b_ordinal)
end

-- Whether a snapshot (text of pg_current_snapshot, "xmin:xmax:xip,xip") contains a transaction that has committed.
local function contained(snapshot, xid)
  local xmin, xmax, running = string.match(snapshot, '^(%d+):(%d+):(.*)$')
  if less(xid, xmin) then return true end
  if not less(xid, xmax) then return false end
  return not string.find(',' .. running .. ',', ',' .. xid .. ',', 1, true)
end

local function has_absent(lengths)
  return string.sub(lengths, 1, 1) == '0' or string.find(lengths, ',0', 1, true)
end

-- The members of a row, false where absent; nil when row and lengths do not fit. See row_members.hpp.
local function split(row, lengths)
  local members, count, at, first = {}, 0, 2, true
  for length in string.gmatch(lengths, '%d+') do
    count = count + 1
    length = tonumber(length)
    if length == 0 then
      members[count] = false
    else
      if not first then at = at + 1 end
      first = false
      members[count] = string.sub(row, at, at + length - 1)
      at = at + length
    end
  end
  if at ~= #row then return nil end
  return members, count
end

local function merge(row, lengths, held_row, held_lengths)
  local new, new_count = split(row, lengths)
  local held, held_count = split(held_row, held_lengths)
  if not new or not held or new_count ~= held_count then return nil end
  local sizes = {}
  for i = 1, new_count do
    new[i] = new[i] or held[i]
    if not new[i] then return nil end
    sizes[i] = #new[i]
  end
  return '{' .. table.concat(new, ',') .. '}', table.concat(sizes, ',')
end

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
  if held[4] and contained(held[4], xid) then return end
  if kind == 'D' then
    redis.call('HSET', item, 'd', '1')
    redis.call('HDEL', item, 'r', 'l', 's')
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
  redis.call('HDEL', item, 'd', 's')
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
  local id, piece, xid, changes = ARGV[at], ARGV[at + 1], ARGV[at + 2], tonumber(ARGV[at + 3])
  at = at + 4
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
    redis.call('HSET', KEYS[1], 'applied', id)
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
