#include "local/local_store.hpp"

#include "local/apply_script.hpp"
#include "redis/longest_value.hpp"
#include "redis/lua_prelude.hpp"
#include "redis/scan.hpp"

#include <algorithm>

namespace itemize::sidecar {
namespace {

const RedisScript &ResetScript() {
  static const RedisScript script(R"lua(
-- KEYS: P:local; ARGV: what stands around epoch.reset in a namespace's name, epoch, last id, complete LSN, suffixes of
-- base and types, of stream, size, segments, healed and fills, then type, state, type, state, ...  Returns the new namespace
-- and the one before.
local function unlink(namespace)
  for i = 6, 12 do redis.call('UNLINK', namespace .. ARGV[i]) end
end
local before = redis.call('HGET', KEYS[1], 'namespace')
if before then unlink(before) end
-- At least the time in milliseconds: when the counter itself was lost, no older namespace, whose items may still be
-- there, comes up again.
local now = redis.call('TIME')
local held = tonumber(redis.call('HGET', KEYS[1], 'reset') or '0')
local reset = string.format('%.0f', math.max(held + 1, now[1] * 1000 + math.floor(now[2] / 1000)))
redis.call('HSET', KEYS[1], 'reset', reset)
local namespace = ARGV[1] .. ARGV[3] .. '.' .. reset .. ARGV[2]
unlink(namespace)
redis.call('HDEL', KEYS[1], 'step', 'erases', 'erased', 'erased_at', 'erased_next', 'erased_next_at')
redis.call('HSET', KEYS[1], 'epoch', ARGV[3], 'namespace', namespace, 'applied', ARGV[4], 'complete', ARGV[5])
redis.call('SET', namespace .. ARGV[6], ARGV[4])
for i = 13, #ARGV, 2 do redis.call('HSET', namespace .. ARGV[7], ARGV[i], ARGV[i + 1] .. ' 0') end
return {namespace, before}
)lua");
  return script;
}

} // namespace

LocalStore::LocalStore(const RedisEndpoint &endpoint, const Options &options)
    : connection_(endpoint), state_key_(LocalStateKey(options.prefix)), awaited_key_(AwaitedKey(options.prefix)),
      prefix_(options.prefix), longest_piece_(ReadLongestValue(connection_)),
      most_entries_(std::to_string(options.local_stream_max_entries)),
      most_bytes_(std::to_string(options.local_stream_max_bytes)), item_ttl_(std::to_string(options.item_ttl.count())),
      missing_ttl_(std::to_string(options.missing_ttl.count())) {
  ApplyScript().Load(connection_);
}

std::optional<LocalStore::State> LocalStore::ReadState() {
  connection_.Append({"HMGET", state_key_, LocalField::kEpoch, LocalField::kApplied, LocalField::kNamespace,
                      LocalField::kComplete, LocalField::kServer});
  connection_.Append({"EXISTS", awaited_key_});
  const Reply reply = connection_.NextReply();
  const Reply awaited = connection_.NextReply();
  if (reply.IsError() && RedisReplyError(std::string(reply.Text())).Is("WRONGTYPE")) {
    connection_.Command({"UNLINK", state_key_}); // put there by nobody of ours
    return std::nullopt;
  }
  reply.ThrowIfError();
  awaited.ThrowIfError();
  if (reply[0].IsNil() || reply[1].IsNil() || reply[2].IsNil()) return std::nullopt;
  const auto epoch = ParseEpoch(reply[0].Text());
  const auto applied = ParseVersion(reply[1].Text());
  if (!epoch || !applied) return std::nullopt;
  const Lsn complete = reply[3].IsNil() ? 0 : ParseUint64(reply[3].Text()).value_or(0);
  const bool of_this_server = !reply[4].IsNil() && reply[4].Text() == connection_.RunId();
  return State{*epoch, *applied, std::string(reply[2].Text()), complete, of_this_server, awaited.Integer() != 0};
}

LocalStore::State LocalStore::Reset(const StreamTip &tip) {
  const std::string epoch = FormatEpoch(tip.epoch);
  const std::string last = FormatVersion(tip.last);
  const std::string complete = std::to_string(tip.complete);
  const std::string opening = prefix_ + ":{"; // as LocalNamespace spells it
  using Rooms = LocalNamespace;
  RedisArguments arguments = {opening,        "}",           epoch,          last,         complete,
                              Rooms::kBase,   Rooms::kTypes, Rooms::kStream, Rooms::kSize, Rooms::kSegments,
                              Rooms::kHealed, Rooms::kFills};
  for (const auto &[type, state] : tip.types) {
    arguments.emplace_back(type);
    arguments.emplace_back(state);
  }
  const Reply reply = ResetScript().Run(connection_, {state_key_}, arguments);
  if (reply.size() > 1 && !reply[1].IsNil()) {
    swept_ = std::string(reply[1].Text());
    cursor_ = "0";
  }
  return {tip.epoch, tip.last, std::string(reply[0].Text()), tip.complete};
}

void LocalStore::Send(const std::string &name, const Version &after, ApplyBatch &batch) {
  batch.End();
  CommandBytes head;
  head.Add("EVALSHA");
  head.Add(ApplyScript().sha1());
  head.Add("1");
  head.Add(state_key_);
  head.Add(name);
  head.Add(FormatVersion(after));
  head.Add(batch.complete() == 0 ? std::string() : std::to_string(batch.complete()));
  head.Add(most_entries_);
  head.Add(most_bytes_);
  head.Add(item_ttl_);
  head.Add(missing_ttl_);
  head.Add(std::uint64_t{kMaxFillEvents});
  head.Add(batch.packed_changes());
  batch.WriteSubjects(head);
  const CommandBytes &entries = batch.entry_arguments();
  connection_.AppendBytes(CommandBytes::Head(head.arguments() + entries.arguments()));
  connection_.AppendBytes(head.bytes());
  connection_.AppendBytes(entries.bytes());
  connection_.Flush();
  ++in_flight_;
}

LocalStore::Applied LocalStore::Collect() {
  const Reply reply = connection_.NextReply();
  --in_flight_;
  try {
    reply.ThrowIfError();
    return {reply[0].Integer(), reply[1].Integer(), reply[2].Integer(),
            reply[3].Integer(), reply[4].Integer(), reply[5].Integer()};
  } catch (const RedisReplyError &error) {
    if (error.Is("NOTNAMESPACE")) throw NamespaceChanged(error.what());
    // The script itself failed; what passes by waiting (LOADING, OOM, READONLY, …) has a code of its own.
    if (error.Is("ERR") || error.Is("WRONGTYPE")) throw CopyDamaged(error.what());
    throw;
  }
}

void LocalStore::RaiseComplete(const std::string &name, const Passed &passed) {
  static const RedisScript script(std::string(kLuaPrelude) + R"lua(
-- KEYS: P:local; ARGV: namespace, id that must have been applied, LSN
local state = redis.call('HMGET', KEYS[1], 'namespace', 'applied', 'complete')
if state[1] == ARGV[1] and state[2] and not id_less(state[2], ARGV[2]) and less(state[3] or '0', ARGV[3]) then
  redis.call('HSET', KEYS[1], 'complete', ARGV[3])
end
return redis.status_reply('OK')
)lua");
  script.Run(connection_, {state_key_}, {name, FormatVersion(passed.last), std::to_string(passed.lsn)});
}

void LocalStore::Settle() {
  for (; in_flight_ > 0; --in_flight_)
    connection_.NextReply();
}

void LocalStore::DropItems(const std::string &name) {
  static const RedisScript script(R"lua(
-- KEYS: P:local; ARGV: namespace, suffix of types. Items are found by their type's generation and truncations.
if redis.call('HGET', KEYS[1], 'namespace') ~= ARGV[1] then return redis.status_reply('OK') end
local types = redis.call('HGETALL', ARGV[1] .. ARGV[2])
for i = 1, #types, 2 do
  local definition, truncations = string.match(types[i + 1], '^(%d+ %S+) (%d+)$')
  if definition then
    redis.call('HSET', ARGV[1] .. ARGV[2], types[i], string.format('%s %d', definition, tonumber(truncations) + 1))
  end
end
return redis.status_reply('OK')
)lua");
  script.Run(connection_, {state_key_}, {name, LocalNamespace::kTypes});
}

std::string LocalStore::HarmfulEviction() {
  // Not CONFIG GET, which more access lists and hosted servers refuse.
  constexpr std::string_view kField = "maxmemory_policy:";
  try {
    const Reply reply = connection_.Command({"INFO", "memory"});
    const std::string_view text = reply.Text();
    const std::size_t at = text.find(kField);
    if (at == std::string_view::npos) return {};
    const std::size_t begin = at + kField.size();
    std::string policy(text.substr(begin, text.find_first_of("\r\n", begin) - begin));
    return policy.rfind("allkeys-", 0) == 0 ? policy : std::string();
  } catch (const RedisReplyError &) {
    return {};
  }
}

void LocalStore::Release() { connection_.Command({"HSET", state_key_, LocalField::kServer, connection_.RunId()}); }

bool LocalStore::Sweep() {
  if (swept_.empty()) return false;
  ScanStep step = Scan(connection_, cursor_, swept_ + ":*");
  Unlink(connection_, step.keys);
  cursor_ = std::move(step.cursor);
  if (cursor_ == "0") swept_.clear();
  return !swept_.empty();
}

} // namespace itemize::sidecar
