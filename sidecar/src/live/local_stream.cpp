#include "live/local_stream.hpp"

#include "redis/entry_pieces.hpp"
#include "redis/keys.hpp"
#include "redis/script.hpp"
#include "redis/stream_pieces.hpp"

namespace itemize::sidecar::live {

namespace {

const RedisScript kStateScript(R"lua(
local state = redis.call('HMGET', KEYS[1], 'namespace', 'epoch', 'applied')
if not (state[1] and state[2] and state[3]) then return {} end
local base = redis.call('GET', state[1] .. ':local:base') or state[3]
return {state[1], state[2], state[3], base, redis.call('HGETALL', state[1] .. ':local:types')}
)lua");

Version VersionOf(std::string_view text) {
  const auto version = ParseVersion(text);
  if (!version) throw RedisError("a stream id is malformed");
  return *version;
}

/// Readers stand between pieces, and so between the ends of an entry.
std::vector<StreamEntry> EntriesOf(const ReplyView &reply, const Version &after) {
  std::vector<StreamEntry> entries;
  entries.reserve(reply.size());
  for (std::size_t i = 0; i < reply.size(); ++i) {
    for (const EntryPiece &piece : PiecesOfEntry(reply[i])) {
      if (after < piece.id) entries.push_back({piece.id, std::string(piece.text)});
    }
  }
  return entries;
}

std::vector<StreamEntry> EntriesAfter(RedisConnection &redis, const std::string &name_space, const Version &after) {
  const std::string stream = LocalNamespace(name_space).Stream();
  const std::string id = FormatVersion(after);
  return EntriesOf(StreamPiecesScript().Run(redis, {stream}, {id, "+"}), after);
}

std::vector<HealedItem> HealedOf(const ReplyView &reply) {
  std::vector<HealedItem> items;
  items.reserve(reply.size());
  for (std::size_t i = 0; i < reply.size(); ++i) {
    const ReplyView fields = reply[i][1];
    HealedItem item;
    item.id = reply[i][0].Text();
    for (std::size_t field = 0; field + 1 < fields.size(); field += 2) {
      const std::string_view value = fields[field + 1].Text();
      if (fields[field].Text() == "p") item.applied = VersionOf(value);
      if (fields[field].Text() == "t") item.type = value;
      if (fields[field].Text() == "k") item.key = value;
    }
    items.push_back(std::move(item));
  }
  return items;
}

} // namespace

TypeAccess ParseTypeAccess(std::string_view value) {
  const std::size_t space = value.find(' ');
  const auto generation = ParseUint64(value.substr(0, space));
  if (!generation || space == std::string_view::npos) return {};
  value.remove_prefix(space + 1);
  return {*generation, std::string(value.substr(0, value.find(' ')))};
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
  const ReplyView types = reply[4];
  for (std::size_t i = 0; i + 1 < types.size(); i += 2) {
    state.types.emplace(types[i].Text(), ParseTypeAccess(types[i + 1].Text()));
  }
  return state;
}

std::string LocalStream::ReadNamespace(RedisConnection &redis) const {
  const Reply reply = redis.Command({"HGET", state_key_, LocalField::kNamespace});
  return reply.IsNil() ? std::string() : std::string(reply.Text());
}

LocalStream::Arrived LocalStream::Await(RedisConnection &redis, const std::string &name_space, const Version &after,
                                        const std::string &healed_after, std::chrono::milliseconds block) {
  const LocalNamespace names(name_space);
  const std::string stream = names.Stream();
  Arrived arrived{EntriesAfter(redis, name_space, after), false, {}};
  if (arrived.entries.empty()) {
    const Reply reply = redis.Command({"XREAD", "COUNT", "1", "BLOCK", std::to_string(block.count()), "STREAMS", stream,
                                       names.Healed(), FormatVersion(after), healed_after});
    for (std::size_t i = 0; i < reply.size(); ++i) {
      if (reply[i][0].Text() == stream) arrived.entries = EntriesOf(reply[i][1], after);
    }
  }
  redis.Append({"GET", names.Base()});
  redis.Append({"XRANGE", names.Healed(), '(' + healed_after, "+"});
  const Reply base = redis.NextReply();
  const Reply healed = redis.NextReply();
  base.ThrowIfError();
  healed.ThrowIfError();
  // Looked at after reading: what is still there now was there while it was read.
  // Also when nothing is left of it: who waits for the next entry would hear of the gap only then.
  arrived.gap = base.IsNil() ? !arrived.entries.empty() : after < VersionOf(base.Text());
  arrived.healed = HealedOf(healed);
  return arrived;
}

std::vector<HealedItem> LocalStream::Healed(RedisConnection &redis, const std::string &name_space,
                                            const std::string &after) {
  return HealedOf(
      redis.Command({"XRANGE", LocalNamespace(name_space).Healed(), after.empty() ? "-" : '(' + after, "+"}));
}

std::string LocalStream::LastHealed(RedisConnection &redis, const std::string &name_space) {
  const Reply last = redis.Command({"XREVRANGE", LocalNamespace(name_space).Healed(), "+", "-", "COUNT", "1"});
  return last.size() == 0 ? "0-0" : std::string(last[0][0].Text());
}

std::vector<StreamEntry> LocalStream::Range(RedisConnection &redis, const std::string &name_space, const Version &after,
                                            const Version &last) {
  // The piece `last` may stand in the middle of an entry, whose id is another.
  auto entries = EntriesAfter(redis, name_space, after);
  while (!entries.empty() && last < entries.back().id)
    entries.pop_back();
  return entries;
}

} // namespace itemize::sidecar::live
