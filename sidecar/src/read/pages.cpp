#include "read/pages.hpp"

#include "read/local_copy.hpp"
#include "read/scripts.hpp"
#include "redis/keys.hpp"

#include <algorithm>

namespace itemize::sidecar::read {

namespace {

/// Fields that the scripts answer before what was asked for.
constexpr std::size_t kStampHead = 4;
constexpr std::size_t kFindHead = 4;

Position PositionOf(const ReplyView &epoch_text, const ReplyView &applied_text) {
  const auto epoch = ParseEpoch(epoch_text.Text());
  const auto applied = ParseVersion(applied_text.Text());
  if (!epoch || !applied) throw RedisError("the local copy's position is malformed");
  return {*epoch, *applied};
}

bool IsCurrent(const ReplyView &server, RedisConnection &redis) {
  return !server.IsNil() && server.Text() == redis.RunId();
}

std::string_view TakeUpTo(char separator, std::string_view &text) {
  const std::size_t at = std::min(text.find(separator), text.size());
  const std::string_view taken = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return taken;
}

} // namespace

Pages::Pages(const Options &options)
    : state_key_(LocalStateKey(options.prefix)), item_ttl_(std::to_string(options.item_ttl.count())) {}

std::optional<StampedRows> Pages::Stamp(RedisConnection &redis, const std::vector<PageItemName> &items) const {
  const std::string fresh = LocalCopy::MakeToken();
  RedisArguments arguments{fresh};
  for (const auto &[type, key] : items)
    arguments.insert(arguments.end(), {type, key});
  const Reply reply = kStampScript.Run(redis, {state_key_}, arguments);
  if (reply.size() == 0) return std::nullopt;
  StampedRows stamped;
  stamped.name_space = reply[0].Text();
  stamped.position = PositionOf(reply[1], reply[2]);
  stamped.current = IsCurrent(reply[3], redis);
  for (std::size_t i = 0; i < items.size(); ++i) {
    const ReplyView row = reply[kStampHead + i];
    stamped.rows.emplace_back();
    if (row.IsArray()) stamped.rows.back() = {std::string(row[0].Text()), std::string(row[1].Text())};
  }
  return stamped;
}

bool Pages::Put(RedisConnection &redis, const std::string &path, const Page &page,
                const std::vector<PageItemName> &items, const StampedRows &rows) const {
  std::string lines;
  for (std::size_t i = 0; i < items.size(); ++i)
    lines.append(items[i].first)
        .append("\t")
        .append(items[i].second)
        .append("\t")
        .append(rows.rows[i]->stamp)
        .append("\n");
  const Reply reply = kPageStoreScript.Run(
      redis, {state_key_}, {rows.name_space, path, item_ttl_, page.body, page.content_type, page.entity_tag, lines});
  return reply.Integer() == 1;
}

std::optional<FoundPage> Pages::Find(RedisConnection &redis, const std::string &path) const {
  const Reply reply = kPageFindScript.Run(redis, {state_key_}, {path, item_ttl_});
  if (reply.size() == 0) return std::nullopt;
  FoundPage found;
  found.position = PositionOf(reply[0], reply[1]);
  found.current = IsCurrent(reply[2], redis);
  found.complete = ParseUint64(reply[3].Text()).value_or(0);
  if (reply.size() == kFindHead) return found;
  found.page = Page{std::string(reply[4].Text()), std::string(reply[5].Text()), std::string(reply[6].Text())};
  std::string_view lines = reply[7].Text();
  while (!lines.empty()) {
    std::string_view line = TakeUpTo('\n', lines);
    const std::string_view type = TakeUpTo('\t', line);
    found.items[std::string(type)].emplace_back(TakeUpTo('\t', line));
  }
  for (std::size_t i = 0; i < reply[8].size(); ++i)
    found.rules.emplace_back(reply[8][i].Text());
  for (std::size_t i = 0; i + 1 < reply[9].size(); i += 2)
    found.owned.emplace_back(reply[9][i].Text(), reply[9][i + 1].Text());
  return found;
}

void Pages::Remove(RedisConnection &redis, const std::string &path) const {
  kPageRemoveScript.Run(redis, {state_key_}, {path});
}

} // namespace itemize::sidecar::read
