#include "operate/traces.hpp"

#include "itemize/change_event.hpp"
#include "operate/key_sweep.hpp"
#include "redis/entry_pieces.hpp"
#include "redis/keys.hpp"

#include <algorithm>

namespace itemize::sidecar {
namespace {

/// Entries may be 256 KB and more.
constexpr const char *kEntriesPerStep = "64";

bool EndsWith(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

bool EntryTellsOfItem(const ReplyView &entry, const ItemName &item) {
  const auto pieces = PiecesOfEntry(entry);
  return std::any_of(pieces.begin(), pieces.end(), [&](const auto &piece) { return TellsOfItem(piece.text, item); });
}

void LookIntoStream(RedisConnection &redis, const std::string &name, const ItemName &item, Traces &traces) {
  Traces::Stream found;
  found.name = name;
  std::string from = "-";
  while (true) {
    const Reply reply = redis.Command({"XRANGE", name, from, "+", "COUNT", kEntriesPerStep});
    for (std::size_t i = 0; i < reply.size(); ++i) {
      const ReplyView entry = reply[i];
      const auto version = ParseVersion(entry[0].Text());
      if (!version) continue;
      if (EntryTellsOfItem(entry, item)) {
        ++found.entries;
        found.last = *version;
        found.next.reset();
      } else if (found.entries > 0 && !found.next) {
        found.next = version;
      }
      from = '(' + std::string(entry[0].Text());
    }
    if (reply.size() == 0) break;
  }
  if (found.entries > 0) traces.streams.push_back(std::move(found));
}

void LookIntoHealed(RedisConnection &redis, const std::string &name, const ItemName &item, Traces &traces) {
  Traces::Healed found{name, {}};
  const Reply reply = redis.Command({"XRANGE", name, "-", "+"});
  for (std::size_t i = 0; i < reply.size(); ++i) {
    const ReplyView fields = reply[i][1];
    bool type = false;
    bool key = false;
    for (std::size_t field = 0; field + 1 < fields.size(); field += 2) {
      if (fields[field].Text() == "t") type = fields[field + 1].Text() == item.type;
      if (fields[field].Text() == "k") key = fields[field + 1].Text() == item.key;
    }
    if (type && key) found.ids.emplace_back(reply[i][0].Text());
  }
  if (!found.ids.empty()) traces.healed.push_back(std::move(found));
}

} // namespace

bool IsKeyOfItem(std::string_view name, const ItemName &item) {
  // N:item:TYPE:GEN:KEY, where neither the type nor the generation has a colon
  for (const std::string_view room : {LocalNamespace::kItem, LocalNamespace::kFill}) {
    const std::size_t close = name.find('}');
    if (close == std::string_view::npos) return false;
    std::string_view rest = name.substr(close + 1);
    if (rest.substr(0, room.size()) != room) continue;
    rest.remove_prefix(room.size());
    const std::size_t type_end = rest.find(':');
    if (type_end == std::string_view::npos || rest.substr(0, type_end) != item.type) return false;
    rest.remove_prefix(type_end + 1);
    const std::size_t generation_end = rest.find(':');
    return generation_end != std::string_view::npos && rest.substr(generation_end + 1) == item.key;
  }
  return false;
}

bool TellsOfItem(std::string_view piece, const ItemName &item) {
  auto reader = PieceReader::Open(piece);
  if (!reader) return piece.find('\t' + item.key + '\t') != std::string_view::npos;
  Change change;
  while (reader->Next(change)) {
    if (change.type == item.type && change.key == item.key) return true;
  }
  return false;
}

Traces FindTraces(RedisConnection &redis, const std::string &prefix, const ItemName &item) {
  Traces traces;
  std::vector<std::string> streams;
  std::vector<std::string> healed;
  ForEachKey(redis, prefix, [&](const std::vector<std::string> &keys) {
    for (const std::string &key : keys) {
      if (IsKeyOfItem(key, item)) traces.keys.push_back(key);
      if (EndsWith(key, ":stream") && !IsKeyOfItem(key, item)) streams.push_back(key);
      if (EndsWith(key, LocalNamespace::kHealed) && !IsKeyOfItem(key, item)) healed.push_back(key);
    }
  });
  for (const std::string &stream : streams) {
    const Reply type = redis.Command({"TYPE", stream});
    if (type.Text() == "stream") LookIntoStream(redis, stream, item, traces);
  }
  for (const std::string &stream : healed) {
    const Reply type = redis.Command({"TYPE", stream});
    if (type.Text() == "stream") LookIntoHealed(redis, stream, item, traces);
  }
  return traces;
}

} // namespace itemize::sidecar
