// How much a local stream holds, and how its front is cut off, in one place for all scripts that add to it or take from
// it.
#pragma once

#include "redis/keys.hpp"

#include <string>

namespace itemize::sidecar {

/// Source of these Lua functions, to be put before a script's own text. Entries are counted in segments, so that the
/// front goes without being read: one entry may have many megabytes.
///   read_stream_size(namespace)        {entries: pieces of all entries, bytes, known, and what belongs to the open
///                                      segment}
///   count_entry(namespace, size, id, bytes, pieces, segment_entries, segment_bytes)
///                                      an entry of so many pieces has been added
///   cut_stream(namespace, size, goes)  takes segments off the front for as long as goes(id of the first entry that
///                                      would be left); one entry always stays
///   forget_up_to(namespace, size, id)  takes everything up to this entry, inclusive, off the front, and what was
///   healed
///                                      before it: who has not been told of that by now cannot resume either
///   keep_stream_size(namespace, size)  to be called last
/// Needs id_less of kLuaPrelude.
inline std::string LocalStreamSizeLua() {
  const auto name = [](const char *variable, std::string_view room) {
    return std::string("local ") + variable + " = '" + std::string(room) + "'\n";
  };
  return name("size_room", LocalNamespace::kSize) + name("segments_room", LocalNamespace::kSegments) +
         name("base_room", LocalNamespace::kBase) + name("stream_room", LocalNamespace::kStream) +
         name("healed_room", LocalNamespace::kHealed) + R"lua(
local function read_stream_size(namespace)
  local held = redis.call('HMGET', namespace .. size_room, 'b', 'n', 'oi', 'ob', 'on')
  return {known = held[1] and true or false, bytes = tonumber(held[1] or '0'), entries = tonumber(held[2] or '0'),
          open_id = held[3] or '', open_bytes = tonumber(held[4] or '0'), open_entries = tonumber(held[5] or '0')}
end

local function count_entry(namespace, size, id, bytes, pieces, segment_entries, segment_bytes)
  size.bytes, size.entries = size.bytes + bytes, size.entries + pieces
  if size.open_id == '' then size.open_id = id end
  size.open_bytes, size.open_entries = size.open_bytes + bytes, size.open_entries + pieces
  if size.open_bytes < segment_bytes and size.open_entries < segment_entries then return end
  redis.call('RPUSH', namespace .. segments_room,
    string.format('%s %.0f %.0f', size.open_id, size.open_bytes, size.open_entries))
  size.open_id, size.open_bytes, size.open_entries = '', 0, 0
end

local function cut_stream(namespace, size, goes)
  local segments, base = namespace .. segments_room, nil
  while true do
    local two = redis.call('LRANGE', segments, 0, 1)
    if not two[1] then break end
    local left = two[2] and string.match(two[2], '^%S+') or size.open_id
    if left == '' or not goes(left) then break end
    local bytes, entries = string.match(two[1], ' (%d+) (%d+)$')
    redis.call('LPOP', segments)
    size.bytes, size.entries = size.bytes - tonumber(bytes), size.entries - tonumber(entries)
    base = left
  end
  if not base then return end
  redis.call('SET', namespace .. base_room, base)
  redis.call('XTRIM', namespace .. stream_room, 'MINID', base)
end

local function forget_healed_before(healed, id)
  local entries = redis.call('XRANGE', healed, '-', '+')
  local stays
  for _, entry in ipairs(entries) do
    if not id_less(entry[2][2], id) then
      stays = entry[1]
      break
    end
  end
  if stays then redis.call('XTRIM', healed, 'MINID', stays) elseif entries[1] then redis.call('XTRIM', healed, 'MAXLEN', 0) end
end

local function forget_up_to(namespace, size, id)
  forget_healed_before(namespace .. healed_room, id)
  local lsn, ordinal = string.match(id, '^(%d+)-(%d+)$')
  local first = string.format('%s-%.0f', lsn, tonumber(ordinal) + 1)
  cut_stream(namespace, size, function(left) return not id_less(id, left) end)
  local base = redis.call('GET', namespace .. base_room)
  if base and id_less(id, base) then return end
  redis.call('SET', namespace .. base_room, id)
  -- Of a segment that has entries behind it, those up to here go, and are counted until it goes.
  redis.call('XTRIM', namespace .. stream_room, 'MINID', first)
end

local function keep_stream_size(namespace, size)
  redis.call('HSET', namespace .. size_room, 'b', string.format('%.0f', size.bytes), 'n',
    string.format('%.0f', size.entries), 'oi', size.open_id, 'ob', string.format('%.0f', size.open_bytes), 'on',
    string.format('%.0f', size.open_entries))
end
)lua";
}

} // namespace itemize::sidecar
