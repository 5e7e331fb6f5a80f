#include "tail/group_store.hpp"

#include "redis/consumer_report.hpp"
#include "redis/endpoint.hpp"
#include "redis/lua_prelude.hpp"
#include "redis/script.hpp"
#include "tail/interest.hpp"

#include <utility>

namespace itemize::sidecar {
namespace {

std::string SecondsToKeep() { return std::to_string(std::chrono::seconds(kGroupSilence).count()); }

// Fields of the hash P:{E}:group:G
//   state      copy (its first member copies the rows) or open
//   copier     the member that copies
//   snapshot, horizon   what the copy contained
//   a<N>       acknowledged position of partition N
//   o<N>       its owner
//   m:<member> "<unix ms of its last sign> <token>"

const RedisScript &EnterScript() {
  static const RedisScript script(R"lua(
-- KEYS: group, epoch
-- ARGV: epoch, member, token, lease in ms, start or '', partitions, seconds to keep
-- Returns what to do, whether the group was made now, snapshot, horizon.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return {err = 'NOGROUP the epoch has changed'} end
local member, lease, start = 'm:' .. ARGV[2], tonumber(ARGV[4]), ARGV[5]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function enter()
  redis.call('HSET', KEYS[1], member, string.format('%.0f', now) .. ' ' .. ARGV[3])
  redis.call('EXPIRE', KEYS[1], ARGV[7])
end
local state = redis.call('HGET', KEYS[1], 'state')
if state == 'open' then
  enter()
  return {'open', 0, redis.call('HGET', KEYS[1], 'snapshot') or '', redis.call('HGET', KEYS[1], 'horizon') or '0'}
end
if state == 'copy' then
  local copier = redis.call('HGET', KEYS[1], 'copier')
  local seen = redis.call('HGET', KEYS[1], 'm:' .. copier)
  if copier ~= ARGV[2] and seen and now - tonumber(string.match(seen, '^%d+')) <= lease then
    return {'wait', 0, '', '0'}
  end
  redis.call('HSET', KEYS[1], 'copier', ARGV[2])
  enter()
  return {'copy', 0, '', '0'}
end
if start == '' then
  redis.call('HSET', KEYS[1], 'state', 'copy', 'copier', ARGV[2])
else
  for partition = 0, tonumber(ARGV[6]) - 1 do redis.call('HSET', KEYS[1], 'a' .. partition, start) end
  redis.call('HSET', KEYS[1], 'state', 'open')
end
enter()
return {start == '' and 'copy' or 'open', 1, '', '0'}
)lua");
  return script;
}

const RedisScript &CompleteCopyScript() {
  static const RedisScript script(R"lua(
-- KEYS: group; ARGV: member, start, partitions, snapshot, horizon
if redis.call('HGET', KEYS[1], 'copier') ~= ARGV[1] then return {err = 'NOCOPY another member copies'} end
for partition = 0, tonumber(ARGV[3]) - 1 do redis.call('HSET', KEYS[1], 'a' .. partition, ARGV[2]) end
redis.call('HSET', KEYS[1], 'state', 'open', 'snapshot', ARGV[4], 'horizon', ARGV[5])
redis.call('HDEL', KEYS[1], 'copier')
return 1
)lua");
  return script;
}

const RedisScript &SyncScript() {
  static const RedisScript script(std::string(kLuaPrelude) + R"lua(
-- KEYS: group, groups, epoch
-- ARGV: epoch, group, member, token, lease in ms, partitions, seconds to keep, leaving (1 or 0), number of
-- acknowledgements, then for each: partition, position; then released partitions
-- Returns the share, then for each partition owned: partition, acknowledged position.
if redis.call('GET', KEYS[3]) ~= ARGV[1] then return {err = 'NOGROUP the epoch has changed'} end
local held = {}
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do held[all[i]] = all[i + 1] end
if held.state ~= 'open' then return {err = 'NOGROUP the group was given up'} end
local name, lease, partitions, leaving = ARGV[3], tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[8] == '1'
local mine = held['m:' .. name]
if mine and string.match(mine, ' (.*)$') ~= ARGV[4] then return {err = 'REPLACED another process has this name'} end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stamp = string.format('%.0f', now)
held['m:' .. name] = stamp .. ' ' .. ARGV[4]
redis.call('HSET', KEYS[1], 'm:' .. name, held['m:' .. name])
redis.call('EXPIRE', KEYS[1], ARGV[7])

local at = 10
for _ = 1, tonumber(ARGV[9]) do
  -- Of a partition that another member has taken meanwhile, the acknowledgement is late: it counts no more.
  if held['o' .. ARGV[at]] == name then
    held['a' .. ARGV[at]] = ARGV[at + 1]
    redis.call('HSET', KEYS[1], 'a' .. ARGV[at], ARGV[at + 1])
  end
  at = at + 2
end
local function free(partition)
  held['o' .. partition] = nil
  redis.call('HDEL', KEYS[1], 'o' .. partition)
end
for i = at, #ARGV do
  if held['o' .. ARGV[i]] == name then free(ARGV[i]) end
end

local members, alive = {}, {}
for field, value in pairs(held) do
  local member = string.match(field, '^m:(.*)$')
  if member then
    if member == name and leaving or now - tonumber(string.match(value, '^%d+')) > lease then
      redis.call('HDEL', KEYS[1], field)
    else
      members[#members + 1] = member
      alive[member] = true
    end
  end
end
table.sort(members)
local share = 0
for i, member in ipairs(members) do
  if member == name then share = math.floor(partitions / #members) + (i <= partitions % #members and 1 or 0) end
end

local owned, unowned, answer = 0, {}, {share}
for partition = 0, partitions - 1 do
  local owner = held['o' .. partition]
  if owner and not alive[owner] then
    free(partition)
    owner = nil
  end
  if owner == name then
    owned = owned + 1
    answer[#answer + 1] = tostring(partition)
    answer[#answer + 1] = held['a' .. partition]
  elseif not owner then
    unowned[#unowned + 1] = partition
  end
end
for _, partition in ipairs(unowned) do
  if owned >= share then break end
  owned = owned + 1
  redis.call('HSET', KEYS[1], 'o' .. partition, name)
  answer[#answer + 1] = tostring(partition)
  answer[#answer + 1] = held['a' .. partition]
end

local floor
for partition = 0, partitions - 1 do
  local position = held['a' .. partition]
  if not floor then floor = position end
  if id_less(position, floor) then floor = position end
end
redis.call('HSET', KEYS[2], ARGV[2], floor .. ' ' .. stamp)
return answer
)lua");
  return script;
}

const RedisScript &RenewScript() {
  static const RedisScript script(R"lua(
-- KEYS: group, groups; ARGV: group, member, token, floor or ''
local held = redis.call('HGET', KEYS[1], 'm:' .. ARGV[2])
if not held or string.match(held, ' (.*)$') ~= ARGV[3] then return 0 end
local time = redis.call('TIME')
local stamp = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
redis.call('HSET', KEYS[1], 'm:' .. ARGV[2], stamp .. ' ' .. ARGV[3])
if ARGV[4] ~= '' then redis.call('HSET', KEYS[2], ARGV[1], ARGV[4] .. ' ' .. stamp) end
return 1
)lua");
  return script;
}

} // namespace

GroupStore::GroupStore(const Options &options, const std::string &epoch, std::string member, std::string token)
    : connection_(ParseRedisUrl(options.global_redis)), epoch_(epoch), group_(options.tail.group),
      member_(std::move(member)), token_(std::move(token)),
      lease_milliseconds_(std::to_string(std::chrono::milliseconds(options.lease).count())) {
  const GlobalKeys keys(options.prefix);
  group_key_ = keys.Group(epoch, group_);
  groups_key_ = keys.Groups(epoch);
  epoch_key_ = keys.Epoch();
}

GroupStore::Opened GroupStore::Enter(const std::optional<Version> &start) {
  const std::string begin = start ? FormatVersion(*start) : "";
  const std::string partitions = std::to_string(kPartitions);
  const Reply reply = Run(EnterScript(), {group_key_, epoch_key_},
                          {epoch_, member_, token_, lease_milliseconds_, begin, partitions, SecondsToKeep()});
  Opened opened;
  const std::string_view what = reply[0].Text();
  if (what == "copy") opened.what = Opened::What::kCopy;
  if (what == "wait") opened.what = Opened::What::kWait;
  opened.made = reply[1].Integer() != 0;
  opened.snapshot = reply[2].Text();
  opened.horizon = ParseUint64(reply[3].Text()).value_or(0);
  return opened;
}

void GroupStore::CompleteCopy(const Version &start, const std::string &snapshot, Lsn horizon) {
  const std::string begin = FormatVersion(start);
  const std::string partitions = std::to_string(kPartitions);
  const std::string end = std::to_string(horizon);
  Run(CompleteCopyScript(), {group_key_}, {member_, begin, partitions, snapshot, end});
}

GroupStore::Share GroupStore::Sync(const Positions &acknowledged, const std::vector<unsigned> &released, bool leaving) {
  std::vector<std::string> texts; // what the views of the arguments point into
  texts.reserve(acknowledged.size() * 2 + released.size() + 2);
  RedisArguments arguments = {epoch_, group_, member_, token_, lease_milliseconds_};
  const auto add = [&](std::string text) { arguments.emplace_back(texts.emplace_back(std::move(text))); };
  add(std::to_string(kPartitions));
  const std::string seconds = SecondsToKeep();
  arguments.emplace_back(seconds);
  arguments.emplace_back(leaving ? "1" : "0");
  add(std::to_string(acknowledged.size()));
  for (const auto &[partition, position] : acknowledged) {
    add(std::to_string(partition));
    add(FormatVersion(position));
  }
  for (const unsigned partition : released)
    add(std::to_string(partition));
  const Reply reply = Run(SyncScript(), {group_key_, groups_key_, epoch_key_}, arguments);
  Share share;
  share.target = static_cast<unsigned>(reply[0].Integer());
  for (std::size_t i = 1; i + 1 < reply.size(); i += 2) {
    const auto partition = ParseUint64(reply[i].Text());
    const auto position = ParseVersion(reply[i + 1].Text());
    if (!partition || !position) throw RedisError("the global Redis holds a malformed group");
    share.owned[static_cast<unsigned>(*partition)] = *position;
  }
  return share;
}

void GroupStore::Renew(const std::optional<Version> &floor) {
  const std::string text = floor ? FormatVersion(*floor) : "";
  Run(RenewScript(), {group_key_, groups_key_}, {group_, member_, token_, text});
}

void GroupStore::Forget() {
  connection_.Command({"UNLINK", group_key_});
  connection_.Command({"HDEL", groups_key_, group_});
}

Reply GroupStore::Run(const RedisScript &script, const RedisArguments &keys, const RedisArguments &arguments) {
  try {
    return script.Run(connection_, keys, arguments);
  } catch (const RedisReplyError &error) {
    if (error.Is("NOGROUP")) throw GroupLost(error.what());
    if (error.Is("REPLACED")) throw FatalError("another process has entered the group under the same name, " + member_);
    throw;
  }
}

} // namespace itemize::sidecar
