#include "redis/stream_pieces.hpp"

namespace itemize::sidecar {

const RedisScript &StreamPiecesScript() {
  static const RedisScript script(R"lua(
local most_entries, most_bytes, together = tonumber(ARGV[4] or '200'), 1048576, 4
local answer, bytes, after, count = {}, 0, ARGV[1], 1
while #answer < most_entries and bytes < most_bytes do
  local some = redis.call('XRANGE', KEYS[1], '(' .. after, ARGV[2], 'COUNT', count)
  for _, entry in ipairs(some) do
    local piece = entry[2][2] or ''
    bytes = bytes + #piece
    if ARGV[3] == 'head' then entry[2][2] = string.match(piece, '^[^\n]*') .. '\n' end
    answer[#answer + 1] = entry
    after = entry[1]
  end
  if #some < count then break end
  count = math.min(together, most_entries - #answer)
end
return answer
)lua");
  return script;
}

} // namespace itemize::sidecar
