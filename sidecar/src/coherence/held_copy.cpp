#include "coherence/held_copy.hpp"

#include "redis/keys.hpp"
#include "redis/scan.hpp"
#include "redis/script.hpp"

#include <algorithm>

namespace itemize::sidecar::coherence {

namespace {

/// Items in one call of a script, each a few microseconds.
constexpr std::size_t kItemsPerCall = 100;
/// Items whose rows are under way at once.
constexpr std::size_t kRowsUnderWay = 16;

const RedisScript &WatchScript() {
  static const RedisScript script(R"lua(
-- KEYS: P:local. ARGV: namespace, token, then type, GEN, key of each item.
if redis.call('HGET', KEYS[1], 'namespace') ~= ARGV[1] then return end
for i = 3, #ARGV, 3 do
  local item = ARGV[1] .. ':item:' .. ARGV[i] .. ':' .. ARGV[i + 1] .. ':' .. ARGV[i + 2]
  if redis.call('TYPE', item).ok == 'hash' then redis.call('HSET', item, 'w', ARGV[2]) end
end
)lua");
  return script;
}

const RedisScript &EndWatchScript() {
  static const RedisScript script("local healed_room = '" + std::string(LocalNamespace::kHealed) + "'" + R"lua(
-- KEYS: P:local. ARGV: namespace, token, then type, GEN, key and '1' (drop) or '0' of each item.
local answer, gens = {}, {}
local state = redis.call('HMGET', KEYS[1], 'namespace', 'applied')
local current = state[1] == ARGV[1]
-- Live clients are told. Of very many, that everything is to be loaded again.
local healed, most_healed = ARGV[1] .. healed_room, 1000
local function tell(type, key)
  if redis.call('XLEN', healed) < most_healed then
    redis.call('XADD', healed, '*', 'p', state[2], 't', type, 'k', key)
  else
    redis.call('XTRIM', healed, 'MAXLEN', 0)
    redis.call('XADD', healed, '*', 'p', state[2])
  end
end
for i = 3, #ARGV, 4 do
  local type, gen = ARGV[i], ARGV[i + 1]
  if gens[type] == nil then
    local generation, truncations = string.match(redis.call('HGET', ARGV[1] .. ':local:types', type) or '', '^(%d+) %S+ (%d+)$')
    gens[type] = generation and generation .. '.' .. truncations or false
  end
  local item = ARGV[1] .. ':item:' .. type .. ':' .. gen .. ':' .. ARGV[i + 2]
  local kind = redis.call('TYPE', item).ok
  -- What is no hash was put there by nobody of ours, and cannot be watched.
  local stands = kind ~= 'none' and (kind ~= 'hash' or redis.call('HGET', item, 'w') == ARGV[2])
  if stands and kind == 'hash' then redis.call('HDEL', item, 'w') end
  stands = stands and current and gens[type] == gen
  if stands and ARGV[i + 3] == '1' then
    redis.call('UNLINK', item)
    tell(type, ARGV[i + 2])
  end
  answer[#answer + 1] = stands and 1 or 0
end
return answer
)lua");
  return script;
}

const RedisScript &KeepTurnScript() {
  static const RedisScript script(R"lua(
-- KEYS: the turn; ARGV: token, milliseconds.
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
)lua");
  return script;
}

/// "<generation> <read> <truncations>" -> "<generation>.<truncations>"; nothing for a type that is gone.
std::optional<std::string> GenOf(std::string_view types_value) {
  const std::size_t first = types_value.find(' ');
  const std::size_t last = types_value.rfind(' ');
  if (first == std::string_view::npos || first == last) return std::nullopt;
  if (types_value.substr(first + 1, last - first - 1) == "-") return std::nullopt;
  return std::string(types_value.substr(0, first)) + '.' + std::string(types_value.substr(last + 1));
}

HeldForm FormOf(const ReplyView &reply) {
  HeldForm form;
  form.kind = HeldForm::Kind::kMalformed;
  if (reply.IsError()) return form; // WRONGTYPE
  const bool row = !reply[0].IsNil();
  const bool lengths = !reply[1].IsNil();
  const bool missing = !reply[2].IsNil();
  if (!reply[3].IsNil()) form.watch = reply[3].Text();
  if (row && lengths && !missing) {
    form.kind = HeldForm::Kind::kRow;
    form.row = reply[0].Text();
    form.member_lengths = reply[1].Text();
  } else if (missing && !row && !lengths) {
    form.kind = HeldForm::Kind::kMissing;
  }
  return form;
}

} // namespace

std::optional<ItemName> ParseItemName(std::string_view name_space, std::string_view redis_key) {
  const std::size_t head = name_space.size() + LocalNamespace::kItem.size();
  if (redis_key.size() <= head || redis_key.substr(0, name_space.size()) != name_space ||
      redis_key.substr(name_space.size(), LocalNamespace::kItem.size()) != LocalNamespace::kItem) {
    return std::nullopt;
  }
  redis_key.remove_prefix(head);
  const std::size_t type_end = redis_key.find(':');
  if (type_end == std::string_view::npos) return std::nullopt;
  const std::size_t gen_end = redis_key.find(':', type_end + 1);
  if (gen_end == std::string_view::npos) return std::nullopt;
  return ItemName{std::string(redis_key.substr(0, type_end)),
                  std::string(redis_key.substr(type_end + 1, gen_end - type_end - 1)),
                  std::string(redis_key.substr(gen_end + 1))};
}

HeldCopy::HeldCopy(const Options &options)
    : connection_(ParseRedisUrl(options.local_redis)), state_key_(LocalStateKey(options.prefix)),
      turn_key_(CoherenceTurnKey(options.prefix)) {
  // Redis 7.2 and newer: that we look at an item does not count as use where memory decides what to evict.
  connection_.Append({"CLIENT", "NO-TOUCH", "ON"});
  connection_.NextReply();
}

std::optional<CopyState> HeldCopy::ReadState() {
  const Reply reply = connection_.Command(
      {"HMGET", state_key_, LocalField::kNamespace, LocalField::kEpoch, LocalField::kComplete, LocalField::kServer});
  if (reply[0].IsNil() || reply[1].IsNil() || reply[2].IsNil()) return std::nullopt;
  const auto epoch = ParseEpoch(reply[1].Text());
  const auto complete = ParseUint64(reply[2].Text());
  if (!epoch || !complete) throw RedisError("the local copy's position is malformed");
  CopyState state{std::string(reply[0].Text()), *epoch, *complete, true, {}};
  state.behind = reply[3].IsNil() || reply[3].Text() != connection_.RunId();
  const Reply types = connection_.Command({"HGETALL", LocalNamespace(state.name_space).Types()});
  for (std::size_t i = 0; i + 1 < types.size(); i += 2) {
    if (auto gen = GenOf(types[i + 1].Text())) state.gens.emplace(types[i].Text(), std::move(*gen));
  }
  return state;
}

HeldCopy::Step HeldCopy::Scan(const std::string &name_space, const std::string &cursor) {
  const std::string pattern = name_space + std::string(LocalNamespace::kItem) + "*";
  ScanStep scanned = sidecar::Scan(connection_, cursor, pattern);
  Step step;
  step.cursor = std::move(scanned.cursor);
  for (const std::string &key : scanned.keys) {
    if (auto name = ParseItemName(name_space, key)) step.items.push_back(std::move(*name));
  }
  return step;
}

std::vector<HeldForm> HeldCopy::Read(const std::string &name_space, const std::vector<ItemName> &items,
                                     std::size_t begin, std::size_t count) {
  const LocalNamespace keys(name_space);
  std::vector<HeldForm> forms;
  forms.reserve(count);
  std::vector<std::size_t> bare;
  std::size_t asked = 0;
  while (forms.size() < count) {
    for (; asked < count && asked - forms.size() < kRowsUnderWay; ++asked) {
      const ItemName &item = items[begin + asked];
      connection_.Append({"HMGET", keys.Item(item.type, item.gen, item.key), ItemField::kRow, ItemField::kLengths,
                          ItemField::kDeleted, ItemField::kWatch});
    }
    const Reply fields = connection_.NextReply();
    if (!fields.IsError() && fields[0].IsNil() && fields[1].IsNil() && fields[2].IsNil()) bare.push_back(forms.size());
    forms.push_back(FormOf(fields));
  }
  // Expired since it was found, most likely; a hash with nothing of an item in it is another matter.
  for (const std::size_t at : bare) {
    const ItemName &item = items[begin + at];
    if (connection_.Command({"EXISTS", keys.Item(item.type, item.gen, item.key)}).Integer() == 0)
      forms[at].kind = HeldForm::Kind::kGone;
  }
  return forms;
}

void HeldCopy::Watch(const std::string &name_space, const std::vector<ItemName> &items, const std::string &token) {
  for (std::size_t begin = 0; begin < items.size(); begin += kItemsPerCall) {
    RedisArguments arguments = {name_space, token};
    for (std::size_t i = begin; i < std::min(items.size(), begin + kItemsPerCall); ++i)
      arguments.insert(arguments.end(), {items[i].type, items[i].gen, items[i].key});
    WatchScript().Run(connection_, {state_key_}, arguments);
  }
}

std::vector<bool> HeldCopy::EndWatch(const std::string &name_space, const std::vector<ItemName> &items,
                                     const std::vector<bool> &drop, const std::string &token) {
  std::vector<bool> stood;
  for (std::size_t begin = 0; begin < items.size(); begin += kItemsPerCall) {
    RedisArguments arguments = {name_space, token};
    for (std::size_t i = begin; i < std::min(items.size(), begin + kItemsPerCall); ++i)
      arguments.insert(arguments.end(), {items[i].type, items[i].gen, items[i].key, drop[i] ? "1" : "0"});
    const Reply reply = EndWatchScript().Run(connection_, {state_key_}, arguments);
    for (std::size_t i = 0; i < reply.size(); ++i)
      stood.push_back(reply[i].Integer() == 1);
  }
  return stood;
}

bool HeldCopy::TakeTurn(const std::string &token, std::chrono::milliseconds duration) {
  return !connection_.Command({"SET", turn_key_, token, "NX", "PX", std::to_string(duration.count())}).IsNil();
}

void HeldCopy::KeepTurn(const std::string &token, std::chrono::milliseconds duration) {
  KeepTurnScript().Run(connection_, {turn_key_}, {token, std::to_string(duration.count())});
}

} // namespace itemize::sidecar::coherence
