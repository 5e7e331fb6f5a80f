#include "global/stream_picture.hpp"

#include "redis/consumer_report.hpp"
#include "redis/script.hpp"

#include <algorithm>
#include <iterator>

namespace itemize::sidecar {
namespace {

const RedisScript &PictureScript() {
  static const RedisScript script(R"lua(
-- KEYS: epoch, owner; ARGV: what stands around the epoch in the keys of its stream, size, marks, clusters, groups
-- Returns {} or {epoch, first id, last id, length, bytes, entries, now, owned, marks, clusters, groups, erased}.
local epoch = redis.call('GET', KEYS[1])
if not epoch then return {} end
local function key(suffix) return ARGV[1] .. epoch .. suffix end
local info = redis.pcall('XINFO', 'STREAM', key(ARGV[2]))
if info.err then return {} end
local found = {}
for i = 1, #info, 2 do found[info[i]] = info[i + 1] end
local time = redis.call('TIME')
local size = redis.call('HMGET', key(ARGV[3]), 'b', 'n', 'e')
local first = found['first-entry'] and found['first-entry'][1] or found['last-generated-id']
local last = found['last-entry'] and found['last-entry'][1] or found['last-generated-id']
local marks = {}
for _, mark in ipairs(redis.call('XRANGE', key(ARGV[4]), '-', '+')) do
  marks[#marks + 1] = {mark[1], mark[2][2], mark[2][4], mark[2][6]}
end
return {epoch, first, last, found['length'], size[1] or '0', size[2] or '0',
        string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)), redis.call('EXISTS', KEYS[2]),
        marks, redis.call('HGETALL', key(ARGV[5])), redis.call('HGETALL', key(ARGV[6])),
        size[3] or '0-0'}
)lua");
  return script;
}

std::uint64_t Number(std::string_view text) { return ParseUint64(text).value_or(0); }

/// Reports that cannot be read are left out: whoever wrote them is not one of ours.
std::vector<StreamConsumer> ReadConsumers(ReplyView hash) {
  std::vector<StreamConsumer> consumers;
  for (std::size_t i = 0; i + 1 < hash.size(); i += 2) {
    const auto report = ParseConsumerReport(hash[i + 1].Text());
    if (report)
      consumers.push_back({std::string(hash[i].Text()), report->position, report->complete, report->reported});
  }
  return consumers;
}

} // namespace

std::uint64_t StreamPicture::held_bytes() const {
  // The newest mark before the first entry, or what is as near as any.
  std::uint64_t gone = 0;
  for (const StreamMark &mark : marks) {
    if (mark.id < first) gone = mark.bytes;
  }
  if (gone == 0 && length > 0 && length < entries) {
    const std::uint64_t mean = entries == 0 ? 0 : bytes / entries;
    return mean * length;
  }
  return bytes - gone;
}

double StreamPicture::oldest_seconds() const {
  for (const StreamMark &mark : marks) {
    if (first <= mark.id) return static_cast<double>(now - std::min(now, mark.time)) / 1000.0;
  }
  return 0;
}

double StreamPicture::silent_seconds(const StreamConsumer &consumer) const {
  return static_cast<double>(now - std::min(now, consumer.reported)) / 1000.0;
}

std::uint64_t StreamPicture::lag_bytes(const StreamConsumer &consumer) const {
  return last.commit_lsn - std::min(last.commit_lsn, consumer.position.commit_lsn);
}

std::optional<StreamPicture> ReadStreamPicture(RedisConnection &connection, const GlobalKeys &keys) {
  constexpr std::string_view kPlace = "\n";
  const std::string stream = keys.Stream(kPlace);
  const std::size_t place = stream.find(kPlace);
  const std::string before = stream.substr(0, place);
  const auto suffix = [&](const std::string &key) { return key.substr(place + kPlace.size()); };
  const std::string stream_end = suffix(stream);
  const std::string size_end = suffix(keys.Size(kPlace));
  const std::string marks_end = suffix(keys.Marks(kPlace));
  const std::string clusters_end = suffix(keys.Clusters(kPlace));
  const std::string groups_end = suffix(keys.Groups(kPlace));
  const Reply reply = PictureScript().Run(connection, {keys.Epoch(), keys.Owner()},
                                          {before, stream_end, size_end, marks_end, clusters_end, groups_end});
  if (reply.size() == 0) return std::nullopt;
  const auto epoch = ParseEpoch(reply[0].Text());
  const auto first = ParseVersion(reply[1].Text());
  const auto last = ParseVersion(reply[2].Text());
  if (!epoch || !first || !last) throw RedisError("the global Redis holds a malformed epoch or stream id");
  StreamPicture picture;
  picture.epoch = *epoch;
  picture.first = *first;
  picture.last = *last;
  picture.length = static_cast<std::uint64_t>(reply[3].Integer());
  picture.bytes = Number(reply[4].Text());
  picture.entries = Number(reply[5].Text());
  picture.now = Number(reply[6].Text());
  picture.owned = reply[7].Integer() != 0;
  const ReplyView marks = reply[8];
  for (std::size_t i = 0; i < marks.size(); ++i) {
    const ReplyView mark = marks[i];
    if (const auto id = ParseVersion(mark[0].Text()))
      picture.marks.push_back({*id, Number(mark[1].Text()), Number(mark[2].Text()), Number(mark[3].Text())});
  }
  picture.clusters = ReadConsumers(reply[9]);
  picture.groups = ReadConsumers(reply[10]);
  const auto copies =
      std::stable_partition(picture.groups.begin(), picture.groups.end(), [](const StreamConsumer &consumer) {
        return consumer.name.compare(0, kCopyName.size(), kCopyName) != 0;
      });
  picture.copies.assign(std::make_move_iterator(copies), std::make_move_iterator(picture.groups.end()));
  picture.groups.erase(copies, picture.groups.end());
  picture.erased = ParseVersion(reply[11].Text()).value_or(Version{});
  return picture;
}

} // namespace itemize::sidecar
