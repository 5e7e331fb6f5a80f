#include "local/stream_reader.hpp"

#include "itemize/change_event.hpp"
#include "redis/lua_prelude.hpp"
#include "redis/script.hpp"
#include "redis/stream_pieces.hpp"

namespace itemize::sidecar {
namespace {

const RedisScript &TipScript() {
  static const RedisScript script(R"lua(
-- KEYS: epoch; ARGV: what stands around the epoch in the keys of stream and types. Returns epoch, last id, types, and
-- id and fields of the last entry, if there is one.
local epoch = redis.call('GET', KEYS[1])
if not epoch then return {} end
local info = redis.pcall('XINFO', 'STREAM', ARGV[1] .. epoch .. ARGV[2])
if info.err then return {} end
local last
for i = 1, #info, 2 do
  if info[i] == 'last-generated-id' then last = info[i + 1] end
end
local entry = redis.call('XREVRANGE', ARGV[1] .. epoch .. ARGV[2], '+', '-', 'COUNT', 1)[1]
return {epoch, last, redis.call('HGETALL', ARGV[1] .. epoch .. ARGV[3]), entry or {}}
)lua");
  return script;
}

const RedisScript &BoundsScript() {
  static const RedisScript script(R"lua(
-- KEYS: epoch, stream, size, and passed when that is wanted. Returns the running epoch, first and last id of the stream
-- given, that of its last large entry, and what has passed: id and fields.
local first = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)
local last = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)
local passed = KEYS[4] and redis.call('XREVRANGE', KEYS[4], '+', '-', 'COUNT', 1)[1]
return {redis.call('GET', KEYS[1]), first[1] and first[1][1], last[1] and last[1][1], redis.call('HGET', KEYS[3], 'g'),
  passed or {}}
)lua");
  return script;
}

/// Up to where transactions are whole when `entry` is the last one of the stream and `last` its id. An entry that has
/// been cut off, or is one of several of its transaction, leaves those before it.
Lsn CompleteAt(const Version &last, ReplyView entry) {
  if (last.commit_lsn == 0) return 0;
  if (entry.size() == 2 && entry[0].Text() == FormatVersion(last) && entry[1].size() == 2) {
    const auto bounds = ReadPieceBounds(entry[1][1].Text());
    if (bounds && bounds->complete) return last.commit_lsn;
  }
  return last.commit_lsn - 1;
}

const RedisScript &ReportScript() {
  static const std::string source = std::string(kLuaPrelude) + R"lua(
-- KEYS: epoch, clusters, followed; ARGV: epoch, cluster, applied id, complete LSN, copy, milliseconds that another copy
-- counts, and that what has passed is followed at least, or empty
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[7] ~= '' then redis.call('SET', KEYS[3], '1', 'PX', ARGV[7]) end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local held = redis.call('HGET', KEYS[2], ARGV[2])
local shared = 0
if held then
  local applied, reported, copy = string.match(held, '^(%S+) (%d+) %d+ (%S+)$')
  if copy and copy ~= ARGV[5] and now - tonumber(reported) < tonumber(ARGV[6]) then
    shared = 1
    if id_less(applied, ARGV[3]) then return shared end
  end
end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3] .. ' ' .. string.format('%.0f', now) .. ' ' .. ARGV[4] .. ' ' .. ARGV[5])
return shared
)lua";
  static const RedisScript script(source);
  return script;
}

/// In one answer. A thousand small ones are some four megabytes at most.
constexpr const char *kMostSmallEntries = "1000";
constexpr const char *kMostEntries = "200";
constexpr const char *kMostEntriesAfterWait = "50";

/// A copy that has not reported itself for so long is gone, and another one may have its name.
constexpr const char *kOtherCopyMilliseconds = "5000";
/// Longer than between two reports.
constexpr const char *kFollowedMilliseconds = "5000";

} // namespace

StreamReader::StreamReader(const RedisEndpoint &endpoint, const std::string &prefix)
    : connection_(endpoint), keys_(prefix) {
  StreamPiecesScript().Load(connection_);
  BoundsScript().Load(connection_);
}

std::optional<StreamTip> StreamReader::ReadTip() {
  constexpr std::string_view kPlace = "\n";
  const auto around = [&](const std::string &key) {
    const std::size_t place = key.find(kPlace);
    return std::make_pair(key.substr(0, place), key.substr(place + kPlace.size()));
  };
  const auto [before, stream_end] = around(keys_.Stream(kPlace));
  const auto types_end = around(keys_.Types(kPlace)).second;
  const Reply reply = TipScript().Run(connection_, {keys_.Epoch()}, {before, stream_end, types_end});
  if (reply.size() == 0) return std::nullopt;
  const auto epoch = ParseEpoch(reply[0].Text());
  const auto last = ParseVersion(reply[1].Text());
  if (!epoch || !last) throw RedisError("the global Redis holds a malformed epoch or stream id");
  StreamTip tip{*epoch, *last, CompleteAt(*last, reply[3]), {}};
  const ReplyView types = reply[2];
  for (std::size_t i = 0; i + 1 < types.size(); i += 2)
    tip.types.emplace_back(types[i].Text(), types[i + 1].Text());
  return tip;
}

void StreamReader::Ask(const Epoch &epoch, const Version &after, std::chrono::milliseconds longest_wait) {
  const std::string name = FormatEpoch(epoch);
  const std::string stream = keys_.Stream(name);
  const std::string passed = keys_.Passed(name);
  const std::string id = FormatVersion(after);
  if (stream_ != stream) {
    stream_ = stream;
    last_ = last_large_ = std::nullopt;
  }
  // A script cannot wait. What was waited for comes once more with those behind it; when it is known that there are
  // some, nothing is waited for.
  waits_ = !last_ || *last_ <= after;
  if (waits_) {
    const std::string wait = std::to_string(longest_wait.count());
    const std::string passed_id = FormatVersion(passed_);
    RedisArguments await = {"XREAD", "COUNT", "1", "BLOCK", wait, "STREAMS", stream};
    if (follow_passed_) await.emplace_back(passed);
    await.emplace_back(id);
    if (follow_passed_) await.emplace_back(passed_id);
    connection_.Append(await);
  }
  if (!waits_ && last_large_ && *last_large_ <= after) {
    // Known to be small, up to there: no script has to look at each.
    connection_.Append({"XRANGE", stream, '(' + id, FormatVersion(*last_), "COUNT", kMostSmallEntries});
  } else {
    // Behind what was waited for there are mostly few, and with the answer it is known of what size.
    connection_.Append({"EVALSHA", StreamPiecesScript().sha1(), "1", stream, id, "+", "",
                        waits_ && last_large_ ? kMostEntriesAfterWait : kMostEntries});
  }
  // What the stream holds, as of after the entries were read: Redis answers in order.
  const std::string running = keys_.Epoch();
  const std::string size = keys_.Size(name);
  RedisArguments bounds = {"EVALSHA", BoundsScript().sha1(), follow_passed_ ? "4" : "3", running, stream, size};
  if (follow_passed_) bounds.emplace_back(passed);
  connection_.Append(bounds);
  connection_.Flush();
  asked_ = after;
}

StreamReader::Batch StreamReader::Receive() {
  if (waits_) connection_.NextReply().ThrowIfError();
  Batch batch{*asked_, connection_.NextReply(), {}, {}, {}, {}};
  const Reply bounds = connection_.NextReply();
  asked_.reset();
  batch.reply.ThrowIfError();
  bounds.ThrowIfError();
  const auto version = [](ReplyView id) { return id.IsNil() ? std::nullopt : ParseVersion(id.Text()); };
  if (bounds.size() > 0 && !bounds[0].IsNil()) batch.epoch = ParseEpoch(bounds[0].Text());
  if (bounds.size() > 1) batch.first = version(bounds[1]);
  if (bounds.size() > 2) batch.last = version(bounds[2]);
  if (bounds.size() > 4 && bounds[4].size() == 2 && bounds[4][1].size() == 2) {
    const auto lsn = version(bounds[4][0]);
    const auto last = version(bounds[4][1][1]);
    if (lsn && last) {
      passed_ = *lsn;
      batch.passed = Passed{lsn->commit_lsn, *last};
    }
  }
  last_ = batch.last;
  last_large_ = bounds.size() > 3 ? version(bounds[3]) : std::nullopt;
  return batch;
}

bool StreamReader::Report(const Epoch &epoch, const std::string &cluster, const Version &applied, Lsn complete,
                          const std::string &copy) {
  const std::string name = FormatEpoch(epoch);
  const Reply reply = ReportScript().Run(connection_, {keys_.Epoch(), keys_.Clusters(name), keys_.Followed(name)},
                                         {name, cluster, FormatVersion(applied), std::to_string(complete), copy,
                                          kOtherCopyMilliseconds, follow_passed_ ? kFollowedMilliseconds : ""});
  return reply.Integer() != 0;
}

} // namespace itemize::sidecar
