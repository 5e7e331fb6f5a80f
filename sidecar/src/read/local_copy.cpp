#include "read/local_copy.hpp"

#include "read/scripts.hpp"
#include "redis/keys.hpp"

#include <algorithm>
#include <atomic>
#include <random>

namespace itemize::sidecar::read {

namespace {

/// Longer than the database may take to answer a fill, so that a marker outlives its question.
constexpr std::string_view kMarkerTtlMilliseconds = "15000";
/// How long one fill has a key to itself. Shorter than others wait for it: one that died must not be waited for in
/// vain.
constexpr std::string_view kLeaseMilliseconds = "250";
/// Fields that the read script answers before the items.
constexpr std::size_t kReadHead = 6;
constexpr std::size_t kFillHead = 3;
/// What the read script answers in place of a row that is in memory here.
constexpr std::int64_t kRowIsKnown = 2;
/// How often an item that is answered from memory all the time has its expiry put off, in the time to it.
constexpr int kRenewals = 8;

HeldItem ItemOf(const ReplyView &reply) {
  if (reply.IsNil()) return {};
  if (reply.IsText()) return {HeldItem::State::kFound, std::string(reply.Text()), {}};
  return {HeldItem::State::kMissing, {}, {}};
}

/// The second word of "<generation> <read> <truncations>".
std::string_view ReadAccessOf(std::string_view types_value) {
  const std::size_t space = types_value.find(' ');
  if (space == std::string_view::npos) return {};
  types_value.remove_prefix(space + 1);
  return types_value.substr(0, types_value.find(' '));
}

} // namespace

LocalCopy::LocalCopy(const Options &options)
    : state_key_(LocalStateKey(options.prefix)), awaited_key_(AwaitedKey(options.prefix)),
      renewal_interval_(std::chrono::milliseconds(options.item_ttl) / kRenewals),
      item_ttl_(std::to_string(options.item_ttl.count())), missing_ttl_(std::to_string(options.missing_ttl.count())) {}

std::string LocalCopy::MakeToken() {
  static const std::string kProcess = [] {
    std::random_device random;
    return std::to_string((std::uint64_t{random()} << 32U) | random());
  }();
  static std::atomic<std::uint64_t> count{0};
  return kProcess + '.' + std::to_string(count.fetch_add(1));
}

std::optional<LocalRead> LocalCopy::ReadPosition(RedisConnection &redis) const {
  // No type has an empty name.
  LocalRead read = Read(redis, {}, {}, {});
  if (!read.position || read.behind) return std::nullopt;
  return read;
}

void LocalCopy::PrepareCheck(RedisConnection &redis) {
  redis.RunId();
  kCheckScript.Load(redis);
}

RedisArguments LocalCopy::CheckCommand(const std::vector<KeptQuestion> &questions) const {
  // Putting off an expiry costs Redis as much as the question: it is done for all together, and not each time.
  const auto now = KeptItem::Clock::now();
  const bool renew = std::any_of(questions.begin(), questions.end(), [this, now](const KeptQuestion &question) {
    return now - question.item->renewed.load(std::memory_order_relaxed) >= renewal_interval_;
  });
  RedisArguments command{"EVALSHA", kCheckScript.sha1(), "1", state_key_, renew ? item_ttl_ : std::string_view()};
  command.reserve(command.size() + 3 * questions.size());
  for (const KeptQuestion &question : questions) {
    command.insert(command.end(), {question.type, question.key, question.item->stamp});
    if (renew) question.item->renewed.store(now, std::memory_order_relaxed);
  }
  return command;
}

Checked LocalCopy::CheckedOf(const Reply &reply, std::size_t questions, const std::string &run_id) {
  Checked checked;
  if (reply.size() == 0 || reply[2].IsNil() || reply[2].Text() != run_id) return checked;
  const auto epoch = ParseEpoch(reply[0].Text());
  const auto applied = ParseVersion(reply[1].Text());
  checked.same = reply[3].Text();
  if (!epoch || !applied || checked.same.size() != questions)
    throw RedisError("the check script gave an answer of an unknown form");
  checked.position = Position{*epoch, *applied};
  return checked;
}

LocalRead LocalCopy::Read(RedisConnection &redis, const std::string &type, const std::vector<std::string> &keys,
                          const authorization::Viewer &viewer, MemoryCache *memory) const {
  const bool keep = memory != nullptr && memory->enabled() && !keys.empty();
  const std::string fresh = keep ? MakeToken() : std::string();
  std::vector<SharedItem> kept(keys.size());
  RedisArguments arguments{type, item_ttl_, fresh};
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (keep) kept[i] = memory->Find(type, keys[i]);
    arguments.insert(arguments.end(), {keys[i], kept[i] ? std::string_view(kept[i]->stamp) : std::string_view()});
  }
  const Reply reply = kReadScript.Run(redis, {state_key_}, arguments);
  LocalRead read;
  if (reply.size() < kReadHead) {
    // Trailing nil: a type that is not there cuts the answer short, an absent copy empties it.
    if (reply.size() == 0) return read;
    throw RedisError("the read script gave an answer of an unknown form");
  }
  const auto epoch = ParseEpoch(reply[1].Text());
  const auto applied = ParseVersion(reply[2].Text());
  const auto complete = ParseUint64(reply[4].Text());
  if (!epoch || !applied || !complete) throw RedisError("the local copy's position is malformed");
  read.complete = *complete;
  read.position = Position{*epoch, *applied};
  read.behind = reply[3].IsNil() || reply[3].Text() != redis.RunId();
  const std::string_view rule = reply[5].IsNil() ? std::string_view() : ReadAccessOf(reply[5].Text());
  if (!viewer.MayRead(rule) || reply.size() < kReadHead + keys.size()) {
    read.access = LocalRead::Access::kUnreadable;
    return read;
  }
  read.access = LocalRead::Access::kReadable;
  read.rule = rule;
  read.items.reserve(keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const ReplyView answer = reply[kReadHead + i];
    if (answer.IsArray()) {
      read.items.push_back({HeldItem::State::kFound, std::string(answer[0].Text()), std::string(answer[1].Text())});
    } else if (!answer.IsNil() && !answer.IsText() && answer.Integer() == kRowIsKnown) {
      if (!kept[i]) throw RedisError("the read script gave an answer of an unknown form");
      read.items.push_back({HeldItem::State::kFound, kept[i]->row, {}});
      ++read.known;
    } else {
      read.items.push_back(ItemOf(answer));
    }
  }
  return read;
}

std::optional<FillLease> LocalCopy::BeginFill(RedisConnection &redis, const std::string &type, const std::string &token,
                                              const std::vector<std::string> &keys) const {
  RedisArguments arguments{type, kMarkerTtlMilliseconds, kLeaseMilliseconds, token};
  arguments.insert(arguments.end(), keys.begin(), keys.end());
  const Reply reply = kFillBeginScript.Run(redis, {state_key_}, arguments);
  if (reply.size() == 0) return std::nullopt;
  FillLease lease;
  lease.name_space = reply[0].Text();
  lease.gen = reply[1].Text();
  lease.epoch = reply[2].Text();
  lease.token = token;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const ReplyView marker = reply[kFillHead + i];
    lease.markers.emplace_back(marker.IsNil() ? std::string_view() : marker.Text());
  }
  return lease;
}

StoredFill LocalCopy::StoreFill(RedisConnection &redis, const std::string &type, const FillLease &lease,
                                const RowsAsOf &as_of, const std::vector<std::string> &keys,
                                const std::vector<std::string> &markers,
                                const std::vector<FetchedItem> &fetched) const {
  const std::string replayed = as_of.replayed ? std::to_string(*as_of.replayed) : std::string();
  const std::string inserted = as_of.replayed ? std::string() : std::to_string(as_of.inserted);
  RedisArguments arguments{type,     lease.name_space, lease.gen, as_of.snapshot,
                           replayed, inserted,         item_ttl_, missing_ttl_};
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const FetchedItem &item = fetched[i];
    arguments.insert(arguments.end(), {keys[i], markers[i], item.row, item.member_lengths, item.generation});
  }
  const Reply reply = kFillStoreScript.Run(redis, {state_key_, awaited_key_}, arguments);
  StoredFill stored;
  if (!reply.IsArray()) {
    stored.outcome = reply.Text() == "early" ? StoredFill::Outcome::kEarly : StoredFill::Outcome::kOld;
    return stored;
  }
  stored.items.reserve(keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i)
    stored.items.push_back(ItemOf(reply[i]));
  return stored;
}

void LocalCopy::Forget(RedisConnection &redis, const std::string &type, const std::vector<std::string> &keys) const {
  RedisArguments arguments{type};
  arguments.insert(arguments.end(), keys.begin(), keys.end());
  kForgetScript.Run(redis, {state_key_}, arguments);
}

void LocalCopy::ForgetType(RedisConnection &redis, const std::string &type) const {
  kForgetTypeScript.Run(redis, {state_key_}, {type});
}

void LocalCopy::AbandonFill(RedisConnection &redis, const std::string &type, const FillLease &lease,
                            const std::vector<std::string> &keys) const {
  RedisArguments arguments{type, lease.name_space, lease.gen, lease.token};
  arguments.insert(arguments.end(), keys.begin(), keys.end());
  kFillAbandonScript.Run(redis, {state_key_}, arguments);
}

} // namespace itemize::sidecar::read
