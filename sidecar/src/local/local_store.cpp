#include "local/local_store.hpp"

#include "local/apply_script.hpp"

namespace itemize::sidecar {
namespace {

/// Keys looked at in one step of the sweep: well under a millisecond of Redis.
constexpr const char *kSweepCount = "500";

const RedisScript &ResetScript() {
  static const RedisScript script(R"lua(
-- KEYS: P:local; ARGV: what stands around epoch.reset in a namespace's name, epoch, last id, suffixes of stream, base
-- and types, complete LSN, then type, state, type, state, ...  Returns the new namespace and the one before.
local before = redis.call('HGET', KEYS[1], 'namespace')
if before then redis.call('UNLINK', before .. ARGV[5], before .. ARGV[6], before .. ARGV[7]) end
-- At least the time in milliseconds: when the counter itself was lost, no older namespace, whose items may still be
-- there, comes up again.
local now = redis.call('TIME')
local held = tonumber(redis.call('HGET', KEYS[1], 'reset') or '0')
local reset = string.format('%.0f', math.max(held + 1, now[1] * 1000 + math.floor(now[2] / 1000)))
redis.call('HSET', KEYS[1], 'reset', reset)
local namespace = ARGV[1] .. ARGV[3] .. '.' .. reset .. ARGV[2]
redis.call('UNLINK', namespace .. ARGV[5], namespace .. ARGV[7])
redis.call('HSET', KEYS[1], 'epoch', ARGV[3], 'namespace', namespace, 'applied', ARGV[4], 'complete', ARGV[8])
redis.call('SET', namespace .. ARGV[6], ARGV[4])
for i = 9, #ARGV, 2 do redis.call('HSET', namespace .. ARGV[7], ARGV[i], ARGV[i + 1] .. ' 0') end
return {namespace, before}
)lua");
  return script;
}

} // namespace

LocalStore::LocalStore(const RedisEndpoint &endpoint, const Options &options)
    : connection_(endpoint), state_key_(LocalStateKey(options.prefix)), prefix_(options.prefix),
      longest_stream_(std::to_string(options.local_stream_max_entries)),
      item_ttl_(std::to_string(options.item_ttl.count())), missing_ttl_(std::to_string(options.missing_ttl.count())) {}

std::optional<LocalStore::State> LocalStore::ReadState() {
  const Reply reply =
      connection_.Command({"HMGET", state_key_, LocalField::kEpoch, LocalField::kApplied, LocalField::kNamespace});
  if (reply[0].IsNil() || reply[1].IsNil() || reply[2].IsNil()) return std::nullopt;
  const auto epoch = ParseEpoch(reply[0].Text());
  const auto applied = ParseVersion(reply[1].Text());
  if (!epoch || !applied) return std::nullopt;
  return State{*epoch, *applied, std::string(reply[2].Text())};
}

LocalStore::State LocalStore::Reset(const StreamTip &tip) {
  const std::string epoch = FormatEpoch(tip.epoch);
  const std::string last = FormatVersion(tip.last);
  const std::string complete = std::to_string(tip.complete);
  const std::string opening = prefix_ + ":{"; // as LocalNamespace spells it
  RedisArguments arguments = {
      opening, "}", epoch, last, LocalNamespace::kStream, LocalNamespace::kBase, LocalNamespace::kTypes, complete};
  for (const auto &[type, state] : tip.types) {
    arguments.emplace_back(type);
    arguments.emplace_back(state);
  }
  const Reply reply = ResetScript().Run(connection_, {state_key_}, arguments);
  if (reply.size() > 1 && !reply[1].IsNil()) {
    swept_ = std::string(reply[1].Text());
    cursor_ = "0";
  }
  return {tip.epoch, tip.last, std::string(reply[0].Text())};
}

LocalStore::Applied LocalStore::Apply(const std::string &name, const ApplyBatch &batch) {
  const std::string most_events = std::to_string(kMaxFillEvents);
  RedisArguments arguments = {name, longest_stream_, item_ttl_, missing_ttl_, most_events};
  const RedisArguments pieces = batch.Arguments();
  arguments.insert(arguments.end(), pieces.begin(), pieces.end());
  try {
    const Reply reply = ApplyScript().Run(connection_, {state_key_}, arguments);
    return {reply[0].Integer(), reply[1].Integer()};
  } catch (const RedisReplyError &error) {
    if (error.Is("NOTNAMESPACE")) throw NamespaceChanged(error.what());
    // The script itself failed; what passes by waiting (LOADING, OOM, READONLY, …) has a code of its own.
    if (error.Is("ERR") || error.Is("WRONGTYPE")) throw CopyDamaged(error.what());
    throw;
  }
}

void LocalStore::Release() { connection_.Command({"HSET", state_key_, LocalField::kServer, connection_.RunId()}); }

bool LocalStore::Sweep() {
  if (swept_.empty()) return false;
  const Reply reply = connection_.Command({"SCAN", cursor_, "MATCH", swept_ + ":*", "COUNT", kSweepCount});
  const ReplyView found = reply[1];
  if (found.size() > 0) {
    RedisArguments unlink = {"UNLINK"};
    for (std::size_t i = 0; i < found.size(); ++i)
      unlink.push_back(found[i].Text());
    connection_.Command(unlink);
  }
  cursor_ = std::string(reply[0].Text());
  if (cursor_ == "0") swept_.clear();
  return !swept_.empty();
}

} // namespace itemize::sidecar
