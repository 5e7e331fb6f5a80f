// What the scripts of the applier and of the readers must compute alike, once.
#pragma once

namespace itemize::sidecar {

/// Source of these Lua functions, to be put before a script's own text:
///   less(a, b)                  decimal numbers of any length, as text (a Lua number holds only 53 bits)
///   id_less(a, b)               ids of stream entries
///   contains(snapshot, xid)     whether a snapshot (text of pg_current_snapshot) contains a committed transaction
///   has_absent(lengths)         whether a row lacks members (see docs/reference/change-event.md, Member lengths)
///   merge(row, lengths, held_row, held_lengths)
///                               row and lengths with every absent member taken from the held row, as MergeRow of
///                               itemize/row_members.hpp does it; nil when that is not possible
inline constexpr char kLuaPrelude[] = R"lua(
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

local function contains(snapshot, xid)
  local xmin, xmax, running = string.match(snapshot, '^(%d+):(%d+):(.*)$')
  if less(xid, xmin) then return true end
  if not less(xid, xmax) then return false end
  return not string.find(',' .. running .. ',', ',' .. xid .. ',', 1, true)
end

local function has_absent(lengths)
  return string.sub(lengths, 1, 1) == '0' or string.find(lengths, ',0', 1, true)
end

-- The members of a row, false where absent; nil when row and lengths do not fit.
local function split_members(row, lengths)
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
  if row == '{}' then return nil end -- set aside: what is held is not of this change
  local new, new_count = split_members(row, lengths)
  local held, held_count = split_members(held_row, held_lengths)
  if not new or not held or new_count ~= held_count then return nil end
  local sizes = {}
  for i = 1, new_count do
    new[i] = new[i] or held[i]
    if not new[i] then return nil end
    sizes[i] = #new[i]
  end
  return '{' .. table.concat(new, ',') .. '}', table.concat(sizes, ',')
end
)lua";

/// Source of call_or_drop(command, key, …), which is redis.call, but false where the key is of another type than ours:
/// it was put there by nobody of ours, and goes. So nothing is held of it, and the next fill mends it. To be put before
/// any `local type`.
inline constexpr char kCallOrDropLua[] = R"lua(
local function call_or_drop(command, key, ...)
  local answer = redis.pcall(command, key, ...)
  if type(answer) ~= 'table' or not answer.err then return answer end
  if not string.find(answer.err, '^%-?WRONGTYPE') then return redis.call(command, key, ...) end
  redis.call('DEL', key)
  return false
end
)lua";

} // namespace itemize::sidecar
