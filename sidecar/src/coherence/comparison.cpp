#include "coherence/comparison.hpp"

#include "itemize/item_checksum.hpp"
#include "read/item_source.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace itemize::sidecar::coherence {

namespace {

/// One question to the database: a few milliseconds of one of its processors.
constexpr std::size_t kItemsPerQuestion = 500;
constexpr std::size_t kBytesPerQuestion = std::size_t{1} << 20U;
constexpr std::size_t kItemsPerRead = 100;
/// About how many items share a checksum: what a difference makes suspects of.
constexpr std::size_t kItemsPerBucket = 4;

constexpr std::size_t kMostSuspects = 1000;
constexpr std::size_t kRowsPerQuestion = 32;
/// A key that changes while it is looked at is looked at this often. Each look takes milliseconds.
constexpr int kLooks = 5;

/// Until the cluster has applied what the database had committed: on a busy server milliseconds, on an idle one a
/// heartbeat.
constexpr std::chrono::milliseconds kLongestWait{30000};
constexpr std::chrono::milliseconds kLookAgain{5};
/// Between steps of a scan that finds little, so that it does not keep Redis busy.
constexpr std::chrono::milliseconds kScanPause{1};

/// The text of a key that no row can have, or a row that is too large to fetch: no fault of the others in the question.
bool IsAboutAKey(const PostgresError &error) {
  return error.sqlstate().compare(0, 2, "22") == 0 || error.sqlstate().compare(0, 2, "54") == 0;
}

std::vector<std::string> KeysOf(const std::vector<ItemName> &items, std::size_t begin, std::size_t count) {
  std::vector<std::string> keys;
  keys.reserve(count);
  for (std::size_t i = begin; i < begin + count; ++i)
    keys.push_back(items[i].key);
  return keys;
}

std::ptrdiff_t Offset(std::size_t index) { return static_cast<std::ptrdiff_t>(index); }

/// How what is held differs from what it should be; nothing when it does not.
std::optional<std::string_view> Difference(const HeldForm &held, const read::FetchedItem &item) {
  if (held.kind == HeldForm::Kind::kMalformed) return "malformed";
  if (held.kind == HeldForm::Kind::kMissing) {
    if (item.found) return "held as missing";
    return std::nullopt;
  }
  if (!item.found) return "no such item";
  if (held.row != item.row) return "another row";
  if (held.member_lengths != item.member_lengths) return "other member lengths";
  return std::nullopt;
}

} // namespace

Comparison::Comparison(HeldCopy &copy, PostgresConnection &database, ComparisonSettings settings)
    : copy_(copy), database_(database), settings_(std::move(settings)) {}

Comparison::Result Comparison::Run() {
  CopyState state = RequireState();
  // Names only: an item is read when the database is about to be asked, not before.
  std::map<std::string, std::vector<ItemName>> pending;
  std::string cursor = "0";
  do {
    HeldCopy::Step step = copy_.Scan(name_space_, cursor);
    cursor = std::move(step.cursor);
    for (ItemName &item : step.items) {
      const auto gen = state.gens.find(item.type);
      if (gen == state.gens.end() || gen->second != item.gen) continue; // out of reach, and expires
      auto &waiting = pending[item.type];
      waiting.push_back(std::move(item));
      if (waiting.size() >= kItemsPerQuestion) CompareByChecksum(std::exchange(waiting, {}));
    }
    if (settings_.items_per_second > 0 && database_.stop().WaitFor(kScanPause)) throw Stopped();
    database_.stop().ThrowIfStopped();
    state = RequireState();
  } while (cursor != "0");
  for (auto &[type, waiting] : pending) {
    if (!waiting.empty()) CompareByChecksum(std::move(waiting));
  }
  Settle();
  state = RequireState();
  return {counts_, {state.epoch, {state.complete, 0}}};
}

CopyState Comparison::RequireState() {
  auto state = copy_.ReadState();
  if (!state) throw NotComparable("there is no local copy");
  if (state->behind) throw NotComparable("the local copy has not caught up since its Redis was started");
  if (name_space_.empty()) name_space_ = state->name_space;
  if (state->name_space != name_space_) throw NotComparable("the local copy was begun anew");
  return std::move(*state);
}

void Comparison::CompareByChecksum(std::vector<ItemName> items) {
  std::vector<Digest> digests;
  std::size_t bytes = 0;
  for (std::size_t begin = 0; begin < items.size(); begin += kItemsPerRead) {
    const std::size_t count = std::min(kItemsPerRead, items.size() - begin);
    const std::vector<HeldForm> forms = copy_.Read(name_space_, items, begin, count);
    for (std::size_t i = 0; i < count; ++i) {
      ItemName &item = items[begin + i];
      switch (forms[i].kind) {
      case HeldForm::Kind::kGone: continue;
      case HeldForm::Kind::kMalformed: suspects_.push_back(std::move(item)); continue;
      case HeldForm::Kind::kRow: {
        const std::uint64_t digest = ItemDigest(item.key, forms[i].member_lengths, forms[i].row);
        bytes += forms[i].row.size();
        digests.push_back({std::move(item), digest});
        break;
      }
      case HeldForm::Kind::kMissing: {
        const std::uint64_t digest = MissingItemDigest(item.key);
        digests.push_back({std::move(item), digest});
        break;
      }
      }
    }
    if (bytes < kBytesPerQuestion) continue;
    AskForChecksums(std::exchange(digests, {}));
    bytes = 0;
  }
  if (!digests.empty()) AskForChecksums(digests);
  if (suspects_.size() >= kMostSuspects) Settle();
}

void Comparison::AskForChecksums(const std::vector<Digest> &digests) {
  if (digests.empty()) return;
  const std::string &type = digests.front().item.type;
  const auto bucket_count = static_cast<std::uint32_t>(std::max<std::size_t>(1, digests.size() / kItemsPerBucket));
  std::vector<std::uint64_t> held(bucket_count);
  std::vector<std::string> keys;
  keys.reserve(digests.size());
  for (const Digest &digest : digests) {
    held[ItemBucket(digest.item.key, bucket_count)] += digest.digest;
    keys.push_back(digest.item.key);
  }
  std::vector<bool> equal(bucket_count);
  try {
    for (const BucketChecksum &there : Reference::Checksums(database_, type, keys, bucket_count)) {
      equal[there.bucket] =
          there.checksum == held[there.bucket] && there.generation == digests.front().item.generation();
    }
  } catch (const PostgresError &error) {
    if (!IsAboutAKey(error)) throw; // else they are all suspects, and looked at one by one
  } catch (const read::UnknownType &) {
    counts_.unsettled += digests.size(); // dropped, and the copy has not heard of it yet
    return;
  }
  for (const Digest &digest : digests) {
    if (equal[ItemBucket(digest.item.key, bucket_count)])
      ++counts_.checked;
    else
      suspects_.push_back(digest.item);
  }
  settings_.progress(counts_);
  Pace(digests.size());
}

void Comparison::Settle() {
  std::vector<ItemName> items = std::exchange(suspects_, {});
  std::sort(items.begin(), items.end(), [](const ItemName &a, const ItemName &b) { return a.type < b.type; });
  for (int look = 0; look < kLooks && !items.empty(); ++look)
    items = SettleOnce(std::move(items));
  counts_.unsettled += items.size();
  settings_.progress(counts_);
}

std::vector<ItemName> Comparison::SettleOnce(std::vector<ItemName> items) {
  const CopyState state = RequireState();
  std::vector<bool> again(items.size());
  std::vector<bool> drop(items.size());
  std::vector<std::string_view> differences(items.size());
  Lsn horizon = 0;
  for (std::size_t begin = 0; begin < items.size();) {
    std::size_t end = begin + 1;
    while (end < items.size() && end - begin < kRowsPerQuestion && items[end].type == items[begin].type)
      ++end;
    // An item whose watch stands has had no event since before the database is asked.
    copy_.Watch(name_space_, {items.begin() + Offset(begin), items.begin() + Offset(end)}, settings_.token);
    const std::vector<HeldForm> forms = copy_.Read(name_space_, items, begin, end - begin);
    const auto fetched = Fetch(items[begin].type, KeysOf(items, begin, end - begin), state, horizon);
    for (std::size_t i = begin; i < end; ++i) {
      const HeldForm &form = forms[i - begin];
      const auto &item = fetched[i - begin];
      if (form.kind == HeldForm::Kind::kGone) continue;
      if (!item) {
        ++counts_.unsettled;
      } else if ((item->found && item->generation != items[i].generation()) ||
                 (form.watch != settings_.token && form.kind != HeldForm::Kind::kMalformed)) {
        again[i] = true;
      } else if (const auto difference = Difference(form, *item)) {
        drop[i] = true;
        differences[i] = *difference;
      } else {
        ++counts_.checked;
      }
    }
    begin = end;
  }
  const bool any = std::find(drop.begin(), drop.end(), true) != drop.end();
  const bool complete = !any || WaitUntilComplete(horizon);
  const std::vector<bool> to_drop = complete ? drop : std::vector<bool>(items.size());
  // Everything that the database's answers contain has been applied by now. Where the watch still stands nothing of it
  // was about the item, so the item ought to be what the answer was.
  const std::vector<bool> stood = copy_.EndWatch(name_space_, items, to_drop, settings_.token);
  std::vector<ItemName> changed;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (drop[i] && !complete) {
      ++counts_.unsettled;
    } else if (drop[i] && stood[i]) {
      ++counts_.checked;
      ++counts_.mismatches;
      settings_.found(items[i], differences[i]);
    } else if (drop[i] || again[i]) {
      changed.push_back(std::move(items[i]));
    }
  }
  settings_.progress(counts_);
  Pace(items.size());
  return changed;
}

std::vector<std::optional<read::FetchedItem>>
Comparison::Fetch(const std::string &type, const std::vector<std::string> &keys, const CopyState &state, Lsn &horizon) {
  std::vector<std::optional<read::FetchedItem>> items;
  items.reserve(keys.size());
  try {
    ReferenceRows rows = Reference::Fetch(database_, type, keys);
    // A server that has lost what the copy has applied, or another one: the global sidecar begins a new epoch.
    if (rows.horizon.epoch != state.epoch || rows.horizon.version.commit_lsn < state.complete)
      throw NotComparable("the database is not, or no longer, the one that the local copy follows");
    horizon = std::max(horizon, rows.horizon.version.commit_lsn);
    std::move(rows.items.begin(), rows.items.end(), std::back_inserter(items));
    return items;
  } catch (const PostgresError &error) {
    if (!IsAboutAKey(error)) throw;
  } catch (const read::UnknownType &) {
    items.resize(keys.size());
    return items;
  }
  if (keys.size() == 1) {
    items.resize(1);
    return items;
  }
  const auto middle = keys.begin() + Offset(keys.size() / 2);
  items = Fetch(type, {keys.begin(), middle}, state, horizon);
  auto second = Fetch(type, {middle, keys.end()}, state, horizon);
  std::move(second.begin(), second.end(), std::back_inserter(items));
  return items;
}

bool Comparison::WaitUntilComplete(Lsn horizon) {
  const auto give_up = std::chrono::steady_clock::now() + kLongestWait;
  while (RequireState().complete < horizon) {
    if (std::chrono::steady_clock::now() >= give_up) return false;
    if (database_.stop().WaitFor(kLookAgain)) throw Stopped();
    settings_.progress(counts_);
  }
  return true;
}

void Comparison::Pace(std::size_t items) {
  if (settings_.items_per_second == 0) return;
  const auto pause = std::chrono::milliseconds(items * 1000 / settings_.items_per_second);
  if (database_.stop().WaitFor(pause)) throw Stopped();
}

} // namespace itemize::sidecar::coherence
