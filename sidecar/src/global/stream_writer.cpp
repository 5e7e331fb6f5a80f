#include "global/stream_writer.hpp"

#include "itemize/change_event.hpp"

#include <random>

namespace itemize::sidecar {
namespace {

/// How long the stream of an epoch that is over stays, for clusters that are reading it right now.
constexpr const char *kOldEpochSeconds = "600";

const RedisScript &ClaimScript() {
  static const RedisScript script(R"lua(
-- KEYS: owner, epoch; ARGV: token, prefix of a stream's key, suffix of it. Returns epoch and last id, or nil for either.
redis.call('SET', KEYS[1], ARGV[1])
local epoch = redis.call('GET', KEYS[2])
if not epoch then return {false, false} end
local info = redis.pcall('XINFO', 'STREAM', ARGV[2] .. epoch .. ARGV[3])
if info.err then return {epoch, false} end
for i = 1, #info, 2 do
  if info[i] == 'last-generated-id' then return {epoch, info[i + 1]} end
end
return {epoch, false}
)lua");
  return script;
}

const RedisScript &BeginEpochScript() {
  static const RedisScript script(R"lua(
-- KEYS: owner, epoch, stream, types, then keys of the epoch before that shall expire
-- ARGV: token, epoch, id, piece, seconds for the old keys, then type, state, type, state, ...
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {err = 'NOTOWNER another publisher owns the stream'} end
local function generation(epoch) return tonumber(string.match(epoch, '%d+$')) end
local running = redis.call('GET', KEYS[2])
if running and generation(running) >= generation(ARGV[2]) then return {err = 'NOTEPOCH the epoch only rises'} end
redis.call('DEL', KEYS[3], KEYS[4])
redis.call('XADD', KEYS[3], ARGV[3], 'p', ARGV[4])
for i = 6, #ARGV, 2 do redis.call('HSET', KEYS[4], ARGV[i], ARGV[i + 1]) end
redis.call('SET', KEYS[2], ARGV[2])
-- An entry wakes those who wait at the end of the old stream; they look at the epoch before they look at it.
if KEYS[5] then redis.pcall('XADD', KEYS[5], 'NOMKSTREAM', '*', 'p', ARGV[4]) end
for i = 5, #KEYS do redis.call('EXPIRE', KEYS[i], ARGV[5]) end
return 1
)lua");
  return script;
}

const RedisScript &PublishScript() {
  static const RedisScript script(R"lua(
-- KEYS: owner, epoch, stream, types
-- ARGV: token, epoch, longest stream, then for each entry: id, piece, number of types n, n times (type, state)
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {err = 'NOTOWNER another publisher owns the stream'} end
if redis.call('GET', KEYS[2]) ~= ARGV[2] then return {err = 'NOTEPOCH another epoch is running'} end
local at, last = 4, #ARGV
while at <= last do
  local added = redis.pcall('XADD', KEYS[3], 'NOMKSTREAM', 'MAXLEN', '~', ARGV[3], ARGV[at], 'p', ARGV[at + 1])
  if not added then return {err = 'NOTEPOCH the stream is gone'} end
  if type(added) == 'table' and added.err and not string.find(added.err, 'equal or smaller', 1, true) then
    return added
  end
  local types = tonumber(ARGV[at + 2])
  at = at + 3
  for _ = 1, types do
    local held = redis.call('HGET', KEYS[4], ARGV[at])
    local generation = tonumber(string.match(ARGV[at + 1], '^%d+'))
    if not held or generation >= tonumber(string.match(held, '^%d+')) then
      redis.call('HSET', KEYS[4], ARGV[at], ARGV[at + 1])
    end
    at = at + 2
  end
end
return 1
)lua");
  return script;
}

std::string RandomToken() {
  std::random_device random;
  std::string token;
  constexpr std::string_view kDigits = "0123456789abcdef";
  while (token.size() < 32)
    token.push_back(kDigits[random() % kDigits.size()]);
  return token;
}

} // namespace

StreamWriter::StreamWriter(const RedisEndpoint &endpoint, const std::string &prefix, std::uint64_t max_entries)
    : connection_(endpoint), keys_(prefix), max_entries_(std::to_string(max_entries)), token_(RandomToken()),
      owner_key_(keys_.Owner()), epoch_key_(keys_.Epoch()) {
  connection_.Command({"PING"}); // a server that is still loading its data says so here
}

StreamWriter::Found StreamWriter::Claim() {
  constexpr std::string_view kPlace = "\n";
  const std::string pattern = keys_.Stream(kPlace);
  const std::size_t place = pattern.find(kPlace);
  const std::string before = pattern.substr(0, place);
  const std::string after = pattern.substr(place + kPlace.size());
  const Reply reply = ClaimScript().Run(connection_, {owner_key_, epoch_key_}, {token_, before, after});
  Found found;
  if (!reply[0].IsNil()) found.epoch = ParseEpoch(reply[0].Text());
  if (!reply[1].IsNil()) found.last = ParseVersion(reply[1].Text());
  return found;
}

void StreamWriter::SetEpoch(const Epoch &epoch) {
  epoch_ = FormatEpoch(epoch);
  stream_key_ = keys_.Stream(epoch_);
  types_key_ = keys_.Types(epoch_);
}

void StreamWriter::ContinueEpoch(const Epoch &epoch) { SetEpoch(epoch); }

void StreamWriter::BeginEpoch(const Epoch &epoch, const std::optional<Epoch> &previous, Lsn start,
                              const std::vector<TypeState> &types) {
  SetEpoch(epoch);
  RedisArguments keys = {owner_key_, epoch_key_, stream_key_, types_key_};
  const std::string old_stream = previous ? keys_.Stream(FormatEpoch(*previous)) : "";
  const std::string old_types = previous ? keys_.Types(FormatEpoch(*previous)) : "";
  if (previous) {
    keys.emplace_back(old_stream);
    keys.emplace_back(old_types);
  }
  const std::string id = FormatVersion({start, 0});
  const std::string piece = FormatHeartbeat(start);
  RedisArguments arguments = {token_, epoch_, id, piece, kOldEpochSeconds};
  for (const TypeState &type : types) {
    arguments.emplace_back(type.type);
    arguments.emplace_back(type.state);
  }
  RunChecked(BeginEpochScript(), keys, arguments);
}

void StreamWriter::Publish(const std::vector<StreamEntry> &entries) {
  std::vector<std::string> numbers; // what the views of the arguments point into
  numbers.reserve(entries.size() * 2);
  RedisArguments arguments = {token_, epoch_, max_entries_};
  for (const StreamEntry &entry : entries) {
    arguments.emplace_back(numbers.emplace_back(FormatVersion(entry.version)));
    arguments.emplace_back(entry.piece);
    arguments.emplace_back(numbers.emplace_back(std::to_string(entry.types.size())));
    for (const TypeState &type : entry.types) {
      arguments.emplace_back(type.type);
      arguments.emplace_back(type.state);
    }
  }
  RunChecked(PublishScript(), {owner_key_, epoch_key_, stream_key_, types_key_}, arguments);
}

void StreamWriter::CheckOwnership() {
  const Reply owner = connection_.Command({"GET", owner_key_});
  if (owner.IsNil() || owner.Text() != token_) throw OwnershipLost("another publisher owns the stream");
}

Reply StreamWriter::RunChecked(const RedisScript &script, const RedisArguments &keys, const RedisArguments &arguments) {
  try {
    return script.Run(connection_, keys, arguments);
  } catch (const RedisReplyError &error) {
    if (error.Is("NOTOWNER") || error.Is("NOTEPOCH")) throw OwnershipLost(error.what());
    throw;
  }
}

} // namespace itemize::sidecar
