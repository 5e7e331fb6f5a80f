#include "live/local_stream.hpp"

#include "redis/keys.hpp"
#include "redis/script.hpp"
#include "redis/stream_pieces.hpp"

namespace itemize::sidecar::live {

namespace {

/// Field of XINFO STREAM since Redis 7; without it a stream counts as trimmed.
const RedisScript kStateScript(R"lua(
local state = redis.call('HMGET', KEYS[1], 'namespace', 'epoch', 'applied')
if not (state[1] and state[2] and state[3]) then return {} end
local stream = state[1] .. ':local:stream'
local first, trimmed = false, 0
if redis.call('EXISTS', stream) == 1 then
  local entry = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
  if entry then first = entry[1] end
  trimmed = 1
  local info = redis.call('XINFO', 'STREAM', stream)
  local facts = {}
  for i = 1, #info, 2 do facts[info[i]] = info[i + 1] end
  if facts['entries-added'] and facts['entries-added'] == facts['length'] then trimmed = 0 end
end
local base = redis.call('GET', state[1] .. ':local:base') or state[3]
return {state[1], state[2], state[3], base, trimmed, redis.call('HGETALL', state[1] .. ':local:types'), first}
)lua");

Version VersionOf(std::string_view text) {
  const auto version = ParseVersion(text);
  if (!version) throw RedisError("a stream id is malformed");
  return *version;
}

std::vector<StreamEntry> EntriesOf(const ReplyView &reply) {
  std::vector<StreamEntry> entries;
  entries.reserve(reply.size());
  for (std::size_t i = 0; i < reply.size(); ++i) {
    const ReplyView fields = reply[i][1];
    for (std::size_t field = 0; field + 1 < fields.size(); field += 2) {
      if (fields[field].Text() != kPieceField) continue;
      entries.push_back({VersionOf(reply[i][0].Text()), std::string(fields[field + 1].Text())});
    }
  }
  return entries;
}

std::vector<StreamEntry> EntriesAfter(RedisConnection &redis, const std::string &name_space, const Version &after,
                                      const std::string &last) {
  const std::string stream = LocalNamespace(name_space).Stream();
  const std::string id = FormatVersion(after);
  return EntriesOf(StreamPiecesScript().Run(redis, {stream}, {id, last}));
}

} // namespace

TypeAccess ParseTypeAccess(std::string_view value) {
  const std::size_t space = value.find(' ');
  const auto generation = ParseUint64(value.substr(0, space));
  if (!generation || space == std::string_view::npos) return {};
  value.remove_prefix(space + 1);
  return {*generation, value.substr(0, value.find(' ')) == "everyone"};
}

bool LocalState::Covers(const Version &version) const {
  if (version < base) return false;
  return !trimmed || (first && *first <= version) || version >= position.version;
}

LocalStream::LocalStream(const std::string &prefix) : state_key_(LocalStateKey(prefix)) {}

std::optional<LocalState> LocalStream::ReadState(RedisConnection &redis) const {
  const Reply reply = kStateScript.Run(redis, {state_key_}, {});
  if (reply.size() == 0) return std::nullopt;
  LocalState state;
  state.name_space = reply[0].Text();
  const auto epoch = ParseEpoch(reply[1].Text());
  if (!epoch) throw RedisError("the local copy's epoch is malformed");
  state.position = {*epoch, VersionOf(reply[2].Text())};
  state.base = VersionOf(reply[3].Text());
  state.trimmed = reply[4].Integer() != 0;
  const ReplyView types = reply[5];
  for (std::size_t i = 0; i + 1 < types.size(); i += 2) {
    state.types.emplace(types[i].Text(), ParseTypeAccess(types[i + 1].Text()));
  }
  if (!reply[6].IsNil()) state.first = VersionOf(reply[6].Text());
  return state;
}

std::string LocalStream::ReadNamespace(RedisConnection &redis) const {
  const Reply reply = redis.Command({"HGET", state_key_, LocalField::kNamespace});
  return reply.IsNil() ? std::string() : std::string(reply.Text());
}

std::vector<StreamEntry> LocalStream::Await(RedisConnection &redis, const std::string &name_space, const Version &after,
                                            std::chrono::milliseconds block) {
  auto entries = EntriesAfter(redis, name_space, after, "+");
  if (!entries.empty()) return entries;
  const std::string milliseconds = std::to_string(block.count());
  const Reply reply = redis.Command({"XREAD", "COUNT", "1", "BLOCK", milliseconds, "STREAMS",
                                     LocalNamespace(name_space).Stream(), FormatVersion(after)});
  if (reply.size() == 0) return {};
  return EntriesOf(reply[0][1]);
}

std::vector<StreamEntry> LocalStream::Range(RedisConnection &redis, const std::string &name_space, const Version &after,
                                            const Version &last) {
  return EntriesAfter(redis, name_space, after, FormatVersion(last));
}

} // namespace itemize::sidecar::live
