#include "global/stream_writer.hpp"

#include "itemize/change_event.hpp"
#include "redis/longest_value.hpp"
#include "redis/stream_pieces.hpp"

#include <random>

namespace itemize::sidecar {
namespace {

/// How long the stream of an epoch that is over stays, for clusters that are reading it right now.
constexpr const char *kOldEpochSeconds = "600";

/// So exact are the bounds of the stream in bytes, entries and age.
constexpr int kMarksPerBound = 128;

const RedisScript &ClaimScript() {
  static const RedisScript script(R"lua(
-- KEYS: owner, epoch, holder; ARGV: token, prefix of the keys of an epoch, suffix of its stream's, suffix of its
-- passed's, milliseconds of a lease, pid.
-- Returns epoch, last id, the id of the oldest entry and the id in passed, nil for what there is not.
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[5])
redis.call('SET', KEYS[3], ARGV[1] .. ' ' .. ARGV[6])
local epoch = redis.call('GET', KEYS[2])
if not epoch then return {false, false, false, false} end
local info = redis.pcall('XINFO', 'STREAM', ARGV[2] .. epoch .. ARGV[3])
if info.err then return {epoch, false, false, false} end
local last, first = false, false
for i = 1, #info, 2 do
  if info[i] == 'last-generated-id' then last = info[i + 1] end
  if info[i] == 'first-entry' then first = info[i + 1] and info[i + 1][1] end
end
local passed = redis.pcall('XREVRANGE', ARGV[2] .. epoch .. ARGV[4], '+', '-', 'COUNT', 1)
return {epoch, last, first, passed[1] and passed[1][1] or false}
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
-- KEYS: owner, epoch, stream, types, size, marks
-- ARGV: token, epoch, longest stream, milliseconds of a lease, bytes, entries and milliseconds between marks,
-- bytes of the longest small piece, then for each entry: id, piece, and what else is in it: empty when nothing, else 'e'
-- for an erasure or '-', number of types n, and after this argument n times (type, state)
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {err = 'NOTOWNER another publisher owns the stream'} end
if redis.call('GET', KEYS[2]) ~= ARGV[2] then return {err = 'NOTEPOCH another epoch is running'} end
local size = redis.call('HMGET', KEYS[5], 'b', 'n', 'mb', 'mn', 'mt', 'e', 'g')
local erased, large = size[6], size[7]
for i = 1, 5 do size[i] = tonumber(size[i] or '0') end
local bytes, count, mark_bytes, mark_count, mark_time = unpack(size)
local most_bytes, most_count, time = tonumber(ARGV[5]), tonumber(ARGV[6]), redis.call('TIME')
local small = tonumber(ARGV[8])
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local due = now - mark_time >= tonumber(ARGV[7])
local function text(number) return string.format('%.0f', number) end
local stream, call, at, last, entries, newest = KEYS[3], redis.pcall, 9, #ARGV, 0, nil
while at <= last do
  local piece, more = ARGV[at + 1], ARGV[at + 2]
  local added = call('XADD', stream, 'NOMKSTREAM', ARGV[at], 'p', piece)
  if not added then return {err = 'NOTEPOCH the stream is gone'} end
  if type(added) == 'table' then
    if not added.err or not string.find(added.err, 'equal or smaller', 1, true) then return added end
  else
    local length = #piece
    bytes, count, entries, newest = bytes + length + 64, count + 1, entries + 1, added
    if length > small then large = added end
    if more ~= '' and string.sub(more, 1, 1) == 'e' then erased = added end
    if due or bytes - mark_bytes >= most_bytes or count - mark_count >= most_count then
      redis.call('XADD', KEYS[6], added, 'b', text(bytes), 'n', text(count), 't', text(now))
      due, mark_bytes, mark_count, mark_time = false, bytes, count, now
    end
  end
  at = at + 3
  for _ = 1, more == '' and 0 or tonumber(string.sub(more, 2)) do
    local held = redis.call('HGET', KEYS[4], ARGV[at])
    local generation = tonumber(string.match(ARGV[at + 1], '^%d+'))
    if not held or generation >= tonumber(string.match(held, '^%d+')) then
      redis.call('HSET', KEYS[4], ARGV[at], ARGV[at + 1])
    end
    at = at + 2
  end
end
-- Not before the first entry: a script that has written something is given memory that there is not.
redis.call('PEXPIRE', KEYS[1], ARGV[4])
if entries == 0 then return 0 end
redis.call('XTRIM', KEYS[3], 'MAXLEN', '~', ARGV[3])
redis.call('HSET', KEYS[5], 'b', text(bytes), 'n', text(count), 'mb', text(mark_bytes), 'mn', text(mark_count),
           'mt', text(mark_time), 'e', erased or '0-0', 'g', large or newest)
return entries
)lua");
  return script;
}

const RedisScript &PassScript() {
  static const RedisScript script(R"lua(
-- KEYS: owner, epoch, passed, followed; ARGV: token, epoch, milliseconds of a lease, id, id of the stream's last entry
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {err = 'NOTOWNER another publisher owns the stream'} end
if redis.call('GET', KEYS[2]) ~= ARGV[2] then return {err = 'NOTEPOCH another epoch is running'} end
local added = redis.pcall('XADD', KEYS[3], 'MAXLEN', 1, ARGV[4], 'a', ARGV[5])
if type(added) == 'table' and added.err and not string.find(added.err, 'equal or smaller', 1, true) then return added end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return redis.call('EXISTS', KEYS[4])
)lua");
  return script;
}

const RedisScript &RenewScript() {
  static const RedisScript script(R"lua(
-- KEYS: owner; ARGV: token, milliseconds of a lease
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {err = 'NOTOWNER another publisher owns the stream'} end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
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

StreamWriter::StreamWriter(const RedisEndpoint &endpoint, const Options &options)
    : connection_(endpoint), keys_(options.prefix), longest_piece_(ReadLongestValue(connection_)),
      max_entries_(std::to_string(options.stream_max_entries)),
      lease_milliseconds_(std::to_string(std::chrono::milliseconds(options.lease).count())),
      mark_bytes_(std::to_string(options.stream_max_bytes / kMarksPerBound)),
      mark_entries_(std::to_string(options.stream_max_entries / kMarksPerBound)),
      mark_milliseconds_(std::to_string(std::chrono::milliseconds(options.stream_max_age).count() / kMarksPerBound)),
      token_(RandomToken()), owner_key_(keys_.Owner()), epoch_key_(keys_.Epoch()) {
  connection_.Command({"PING"}); // a server that is still loading its data says so here
}

StreamWriter::Found StreamWriter::Claim(int pid) {
  constexpr std::string_view kPlace = "\n";
  const std::string stream = keys_.Stream(kPlace);
  const std::string passed = keys_.Passed(kPlace);
  const std::size_t place = stream.find(kPlace);
  const Reply reply =
      ClaimScript().Run(connection_, {owner_key_, epoch_key_, keys_.Holder()},
                        {token_, stream.substr(0, place), stream.substr(place + kPlace.size()),
                         passed.substr(place + kPlace.size()), lease_milliseconds_, std::to_string(pid)});
  Found found;
  if (!reply[0].IsNil()) found.epoch = ParseEpoch(reply[0].Text());
  if (!reply[1].IsNil()) found.last = ParseVersion(reply[1].Text());
  if (!reply[2].IsNil()) found.first = ParseVersion(reply[2].Text());
  if (!reply[3].IsNil()) found.passed = ParseVersion(reply[3].Text()).value_or(Version{}).commit_lsn;
  return found;
}

bool StreamWriter::HolderLapsed(int pid) {
  const Reply reply = connection_.Command({"MGET", owner_key_, keys_.Holder()});
  if (!reply[0].IsNil() || reply[1].IsNil()) return false;
  const std::string_view holder = reply[1].Text();
  return holder.substr(holder.find(' ') + 1) == std::to_string(pid);
}

void StreamWriter::SetEpoch(const Epoch &epoch) {
  epoch_ = FormatEpoch(epoch);
  stream_key_ = keys_.Stream(epoch_);
  types_key_ = keys_.Types(epoch_);
  size_key_ = keys_.Size(epoch_);
  marks_key_ = keys_.Marks(epoch_);
  passed_key_ = keys_.Passed(epoch_);
  followed_key_ = keys_.Followed(epoch_);
}

void StreamWriter::ContinueEpoch(const Epoch &epoch) { SetEpoch(epoch); }

void StreamWriter::BeginEpoch(const Epoch &epoch, const std::optional<Epoch> &previous, Lsn start,
                              const std::vector<TypeState> &types) {
  SetEpoch(epoch);
  RedisArguments keys = {owner_key_, epoch_key_, stream_key_, types_key_};
  std::vector<std::string> old;
  if (previous) {
    const std::string name = FormatEpoch(*previous);
    old = {keys_.Stream(name), keys_.Types(name),    keys_.Size(name),  keys_.Marks(name),
           keys_.Passed(name), keys_.Clusters(name), keys_.Groups(name)};
    keys.insert(keys.end(), old.begin(), old.end());
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

void StreamWriter::Publish(const std::vector<StreamEntry> &entries, const std::function<void()> &meanwhile) {
  static const std::string kSmall = std::to_string(kSmallPieceBytes);
  std::vector<std::string> numbers; // what the views of the arguments point into
  numbers.reserve(entries.size() * 2);
  RedisArguments arguments = {token_,      epoch_,        max_entries_,       lease_milliseconds_,
                              mark_bytes_, mark_entries_, mark_milliseconds_, kSmall};
  for (const StreamEntry &entry : entries) {
    arguments.emplace_back(numbers.emplace_back(FormatVersion(entry.version)));
    arguments.emplace_back(entry.piece);
    const bool plain = !entry.erasure && entry.types.empty();
    arguments.emplace_back(
        plain ? std::string_view()
              : numbers.emplace_back((entry.erasure ? 'e' : '-') + std::to_string(entry.types.size())));
    for (const TypeState &type : entry.types) {
      arguments.emplace_back(type.type);
      arguments.emplace_back(type.state);
    }
  }
  RunChecked(PublishScript(), {owner_key_, epoch_key_, stream_key_, types_key_, size_key_, marks_key_}, arguments,
             meanwhile);
}

bool StreamWriter::Pass(Lsn lsn, const Version &last) {
  const Reply reply = RunChecked(PassScript(), {owner_key_, epoch_key_, passed_key_, followed_key_},
                                 {token_, epoch_, lease_milliseconds_, FormatVersion({lsn, 0}), FormatVersion(last)});
  return reply.Integer() != 0;
}

std::vector<StreamedPiece> StreamWriter::HeadersAfter(const Version &after) {
  std::vector<StreamedPiece> pieces;
  std::string id = FormatVersion(after);
  while (pieces.empty()) {
    const Reply reply = StreamPiecesScript().Run(connection_, {stream_key_}, {id, "+", "head"});
    if (reply.size() == 0) break;
    for (std::size_t i = 0; i < reply.size(); ++i) {
      const ReplyView entry = reply[i];
      id = entry[0].Text();
      const auto version = ParseVersion(id);
      if (!version || entry[1].size() < 2) continue;
      const auto piece = PieceReader::Open(entry[1][1].Text());
      if (!piece) continue;
      pieces.push_back({*version, piece->header()});
      pieces.back().header.origin = {}; // a view of the reply
    }
  }
  return pieces;
}

void StreamWriter::CheckOwnership() { RunChecked(RenewScript(), {owner_key_}, {token_, lease_milliseconds_}); }

Reply StreamWriter::RunChecked(const RedisScript &script, const RedisArguments &keys, const RedisArguments &arguments,
                               const std::function<void()> &meanwhile) {
  try {
    return script.Run(connection_, keys, arguments, meanwhile);
  } catch (const RedisReplyError &error) {
    if (error.Is("NOTOWNER") || error.Is("NOTEPOCH")) throw OwnershipLost(error.what());
    if (error.Is("OOM") || error.Is("MISCONF")) throw StreamFull(error.what());
    throw;
  }
}

} // namespace itemize::sidecar
