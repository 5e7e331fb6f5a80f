#include "local/apply_script.hpp"

#include "redis/local_stream_size.hpp"
#include "redis/lua_prelude.hpp"
#include "redis/pending_fills.hpp"

namespace itemize::sidecar {

// redis.call costs more than what is computed between two of them, and an answer of many values more than one of a
// number: an item that is held takes two calls, none of which gives more than that. A string costs by its length: this
// Lua hashes every byte of each one made.
const RedisScript &ApplyScript() {
  static const RedisScript script(std::string(kLuaPrelude) + kCallOrDropLua + LocalStreamSizeLua() + PendingFillsLua() +
                                  R"lua(
local namespace, after, complete, item_ttl, missing_ttl = ARGV[1], ARGV[2], ARGV[3], ARGV[6], ARGV[7]
local most_entries, most_bytes = tonumber(ARGV[4]), tonumber(ARGV[5])
local most_events, changes, subjects = tonumber(ARGV[8]), ARGV[9], tonumber(ARGV[10])
local call, ask, sub, unpack = redis.call, redis.pcall, string.sub, struct.unpack
local state = call('HMGET', KEYS[1], 'namespace', 'applied', 'step', 'erases', 'erased', 'erased_at', 'erased_next',
  'erased_next_at')
if state[1] ~= namespace then return {err = 'NOTNAMESPACE the copy was begun anew'} end
local applied, step = state[2], state[3]
local reached = applied
if step and id_less(applied, step) then reached = step end
if id_less(reached, after) then return {err = 'NOTREACHED a batch before this one was not applied'} end

local types_key = namespace .. ':local:types'
local types = {}
-- generation, read and truncations of a type; generation '0' when it is unknown
local function type_state(name)
  local known = types[name]
  if not known then
    local text = call('HGET', types_key, name)
    known = {'0', '-', '0'}
    if text then known = {string.match(text, '^(%d+) (%S+) (%d+)$')} end
    types[name] = known
  end
  return known
end

-- What the keys of a subject's items and fills begin with, false when they are out of reach: of another definition.
local item_rooms, fill_rooms = {}, {}
local function find_rooms(subject)
  local name, generation = ARGV[9 + 2 * subject], ARGV[10 + 2 * subject]
  local known = type_state(name)
  if known[1] == generation then
    local address = name .. ':' .. generation .. '.' .. known[3] .. ':'
    item_rooms[subject], fill_rooms[subject] = namespace .. ':item:' .. address, namespace .. ':fill:' .. address
  else
    item_rooms[subject] = false
  end
end
local function set_type_state(name, generation, read, truncations)
  types[name] = {generation, read, truncations}
  item_rooms = {}
  call('HSET', types_key, name, generation .. ' ' .. read .. ' ' .. truncations)
end

local pieces, touched, merged, unmerged = 0, 0, 0, 0
local erased -- the newest entry with an erasure among those added here

-- The entry under way: its id, the index of its pieces, their text; and where the piece under way begins in it.
local id, index, text, begin
local erases -- in the piece under way

local function xid() return string.match(text, '^B\t[123]\t[^\t]*\t(%d+)', begin) end

-- held: member lengths, "known to be missing", snapshot, watch, stamp
local function update_item(item, held, kind, key_end, row_end, lengths_end)
  if held[4] then call('HDEL', item, 'w') end
  if held[3] then
    -- Read by a fill that was ahead of the stream: it must not go back to this event (invariant I2).
    if contains(held[3], xid()) then return end
    call('HDEL', item, 's')
  end
  if held[5] then call('HDEL', item, 'v') end
  if kind == 'D' and erases then
    call('UNLINK', item)
    return
  end
  if kind == 'D' then
    call('HSET', item, 'd', '1')
    call('HDEL', item, 'r', 'l')
    call('EXPIRE', item, missing_ttl)
    return
  end
  local row, lengths = sub(text, key_end + 2, row_end), sub(text, row_end + 2, lengths_end)
  if kind == 'u' then
    if held[1] then row, lengths = merge(row, lengths, call('HGET', item, 'r') or '', held[1]) else row = nil end
    if not row then
      unmerged = unmerged + 1
      call('UNLINK', item) -- the next read fills it
      return
    end
    merged = merged + 1
  end
  call('HSET', item, 'r', row, 'l', lengths)
  if held[2] then
    call('HDEL', item, 'd')
    call('EXPIRE', item, item_ttl)
  end
end

local function collect_for_fill(fill, kind, key_end, row_end, lengths_end)
  local row, lengths = '', ''
  if kind ~= 'D' then row, lengths = sub(text, key_end + 2, row_end), sub(text, row_end + 2, lengths_end) end
  local letter = kind == 'D' and 'D' or 'U'
  local event = xid() .. '\t' .. letter .. '\t' .. row .. '\t' .. lengths
  local collected = call_or_drop('RPUSHX', fill, event)
  if collected and collected > most_events then call('DEL', fill) end
end

-- A whole row into an item of two fields, which are nearly always r and l. False when they were others.
local function replace_row(item, key_end, row_end, lengths_end)
  local added = call('HSET', item, 'r', sub(text, key_end + 2, row_end), 'l', sub(text, row_end + 2, lengths_end))
  if added == 0 then return true end
  -- d beside s, w or v is as it was without them. Of anything else nothing is ours.
  if added == 2 then call('HDEL', item, 'r', 'l') else call('DEL', item) end
  return false
end

-- Whether the item is held, and then what the change makes of it.
local function apply_to_item(item, kind, key_end, row_end, lengths_end)
  local fields = ask('HLEN', item)
  if fields == 0 then return false end
  if fields == 2 and kind == 'U' and replace_row(item, key_end, row_end, lengths_end) then return true end
  if type(fields) == 'table' and not call_or_drop('HLEN', item) then return false end
  local held = call('HMGET', item, 'l', 'd', 's', 'w', 'v')
  if not (held[1] or held[2]) then return false end
  update_item(item, held, kind, key_end, row_end, lengths_end)
  return true
end

local any_fill = fills_pending(namespace)

local function apply_row(kind, subject, key_start, key_end, row_end, lengths_end)
  local item_room = item_rooms[subject]
  if item_room == nil then
    find_rooms(subject)
    item_room = item_rooms[subject]
  end
  if not item_room then return end
  local key = sub(text, key_start, key_end)
  local reached_any = apply_to_item(item_room .. key, kind, key_end, row_end, lengths_end)
  if any_fill then
    local fill = fill_rooms[subject] .. key
    if call('EXISTS', fill) == 1 then
      collect_for_fill(fill, kind, key_end, row_end, lengths_end)
      reached_any = true
    end
  end
  if reached_any then touched = touched + 1 end
end

local function apply_definition(name, generation, read)
  local known = type_state(name)
  if less(generation, known[1]) then return end
  set_type_state(name, generation, read, generation == known[1] and known[3] or '0')
end

local function apply_truncate(name, generation)
  local known = type_state(name)
  if known[1] == generation then set_type_state(name, generation, known[2], tostring(tonumber(known[3]) + 1)) end
end

local stream = namespace .. stream_room
-- The front goes in steps of a sixty-fourth of what may be held.
local size = read_stream_size(namespace)
local segment_entries, segment_bytes = math.max(1, math.floor(most_entries / 64)), math.max(1, math.floor(most_bytes / 64))
-- What an older version has left uncounted is told apart from what is counted from here on.
if not size.known then call('SET', namespace .. base_room, applied) end
local reached_lsn, reached_ordinal = string.match(reached, '^(%d+)-(%d+)$')
reached_ordinal = tonumber(reached_ordinal)
local may_be_applied = true

-- The ordinal up to which a piece has been applied, math.huge when it has been to its end.
local function applied_of(piece)
  if not id_less(applied, piece) then return math.huge end
  if string.match(piece, '^%d+') == reached_lsn then return reached_ordinal end
  may_be_applied = false
  return 0
end

-- Of the pieces of the entry under way: how many have been written, and how many of those were in the stream before.
local written, skipped = 0, 0

-- The pieces of the entry under way: their ids, and the last byte of each.
local function pieces_of_entry()
  if index == '' then return {id}, {#text} end
  local ids, ends, last = {}, {}, 0
  for piece, bytes in string.gmatch(index, '(%S+) (%d+)') do
    last = last + tonumber(bytes)
    table.insert(ids, piece)
    table.insert(ends, last)
  end
  return ids, ends
end

-- Makes the entry under way one of what has been written and was not in the stream.
local function narrow_entry()
  local ids, ends = pieces_of_entry()
  ends[0] = 0
  local parts = {}
  for i = skipped + 1, written do table.insert(parts, string.format('%s %d', ids[i], ends[i] - ends[i - 1])) end
  id, text = ids[written], sub(text, ends[skipped] + 1, ends[written])
  index = parts[2] and table.concat(parts, ' ') or ''
end

local function add_entry(whole)
  local count = written - skipped
  if count == 0 then return end
  if skipped > 0 or not whole then narrow_entry() end
  if index == '' then
    call('XADD', stream, id, 'p', text)
  else
    call('XADD', stream, id, 'p', text, 'i', index)
  end
  count_entry(namespace, size, id, #text, count, segment_entries, segment_bytes)
  applied, pieces = id, pieces + count
  if step then
    call('HDEL', KEYS[1], 'step', 'erases')
    step = nil
  end
end

local function apply_changes()
  local argument, at, last = 11 + 2 * subjects, 1, #changes
  local applied_ordinal = 0
  while at < last do
    if not id then
      id, index, text = ARGV[argument], ARGV[argument + 1], ARGV[argument + 2]
      argument = argument + 3
      written, skipped = 0, 0
      erases = state[4] == id
      if may_be_applied then applied_ordinal = applied_of(pieces_of_entry()[1]) end
    end
    local flag, kind, subject, ordinal, key_start, key_end, row_end, lengths_end
    flag, kind, subject, ordinal, begin, key_start, key_end, row_end, lengths_end, at =
      unpack('<BcI4I8I4I4I4I4I4', changes, at)
    if ordinal > applied_ordinal then
      if kind == 'U' or kind == 'D' or kind == 'u' then
        apply_row(kind, subject, key_start, key_end, row_end, lengths_end)
      elseif kind == 'E' then
        erases = true
      elseif kind == 'T' then
        apply_truncate(ARGV[9 + 2 * subject], ARGV[10 + 2 * subject])
      else
        apply_definition(ARGV[9 + 2 * subject], ARGV[10 + 2 * subject], sub(text, key_start, key_end))
      end
    end
    if flag == 2 then
      if ordinal > applied_ordinal then
        call('HSET', KEYS[1], 'step', string.match(id, '^%d+') .. '-' .. string.format('%.0f', ordinal))
        if erases then call('HSET', KEYS[1], 'erases', id) end
      end
    elseif flag ~= 0 then
      written = written + 1
      if applied_ordinal == math.huge then skipped = written end
      applied_ordinal = 0
      if flag == 3 then
        add_entry(true)
        if erases and written > skipped then erased = id end
        id = nil
      elseif may_be_applied then
        applied_ordinal = applied_of(pieces_of_entry()[written + 1])
      end
    end
  end
end

-- What an erasure is about was in entries before it, and its key is in its own: they go with an entry behind it, as soon
-- as those who follow the stream have had the time to read them. Erasures that come meanwhile wait together for the next
-- turn, so that many of them do not put it off.
local function forget_erased()
  local time = call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  local waiting = {}
  for i = 5, 7, 2 do
    -- Of a clock that was set back, the time counts from now on.
    if state[i] then table.insert(waiting, {id = state[i], since = math.min(now, tonumber(state[i + 1] or '0'))}) end
  end
  while waiting[1] and now - waiting[1].since >= 2000 do
    forget_up_to(namespace, size, table.remove(waiting, 1).id)
  end
  if erased then waiting[math.min(#waiting + 1, 2)] = {id = erased, since = now} end
  call('HDEL', KEYS[1], 'erased', 'erased_at', 'erased_next', 'erased_next_at')
  for i, field in ipairs({'erased', 'erased_next'}) do
    local one = waiting[i]
    if one then call('HSET', KEYS[1], field, one.id, field .. '_at', string.format('%.0f', one.since)) end
  end
end

-- An error further on takes nothing back of what was written, so the position of the pieces before it is written, too.
local fine, problem = pcall(apply_changes)
if not fine and id then pcall(add_entry, false) end
if pieces > 0 then
  if erased or state[5] or state[7] then forget_erased() end
  cut_stream(namespace, size, function() return size.entries > most_entries or size.bytes > most_bytes end)
  keep_stream_size(namespace, size)
  call('HSET', KEYS[1], 'applied', applied)
  if any_fill then forget_old_fills(namespace) end
  if fine and complete ~= '' then call('HSET', KEYS[1], 'complete', complete) end
end
if not fine then
  -- Redis 7.0 gives the text of its errors, others a table. Those of Redis begin with a code, which tells what passes by
  -- waiting (OOM, READONLY, MISCONF, …); those of Lua itself do not.
  local text = type(problem) == 'table' and problem.err or tostring(problem)
  if not string.find(text, '^%u+ ') then text = 'ERR ' .. text end
  return {err = text}
end
return {pieces, touched, merged, unmerged, size.entries, size.bytes}
)lua");
  return script;
}

} // namespace itemize::sidecar
