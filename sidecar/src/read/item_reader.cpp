#include "read/item_reader.hpp"

#include <algorithm>
#include <thread>

namespace itemize::sidecar::read {

namespace {

using Status = ReadResult::Status;

/// Between attempts at a fill that the stream outran, or looks at a key that another is filling.
constexpr std::chrono::milliseconds kFirstWait{2};
constexpr std::chrono::milliseconds kLongestWait{50};
/// How long to go on with that: as long as a slow question to the database.
constexpr std::chrono::milliseconds kWaitBound{1000};

/// Short as well: a database that hangs must not hold the workers that could answer from the copy.
constexpr std::chrono::milliseconds kQueryTimeout{3000};

/// Short: without Redis there is the database, and a stop waits for whoever waits here.
const RedisTimeouts kRedisTimeouts{std::chrono::milliseconds(1000), std::chrono::milliseconds(1500)};

bool IsUnknown(const HeldItem &item) { return item.state == HeldItem::State::kUnknown; }

/// The keys whose item is not known, and where they are.
struct UnknownKeys {
  std::vector<std::string> keys;
  std::vector<std::size_t> places;
};

UnknownKeys FindUnknown(const std::vector<std::string> &keys, const std::vector<HeldItem> &items) {
  UnknownKeys unknown;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!IsUnknown(items[i])) continue;
    unknown.keys.push_back(keys[i]);
    unknown.places.push_back(i);
  }
  return unknown;
}

bool AnyUnknown(const std::vector<HeldItem> &items) { return std::any_of(items.begin(), items.end(), IsUnknown); }

std::vector<std::optional<std::string>> RowsOf(std::vector<HeldItem> items) {
  std::vector<std::optional<std::string>> rows;
  rows.reserve(items.size());
  for (HeldItem &item : items) {
    rows.push_back(item.state == HeldItem::State::kFound ? std::optional(std::move(item.row)) : std::nullopt);
  }
  return rows;
}

HeldItem HeldFrom(FetchedItem item) {
  return {item.found ? HeldItem::State::kFound : HeldItem::State::kMissing, std::move(item.row)};
}

Status StatusOf(LocalRead::Access access) {
  switch (access) {
  case LocalRead::Access::kNoCopy: return Status::kNotReady;
  case LocalRead::Access::kUnreadable: return Status::kUnreadable;
  case LocalRead::Access::kReadable: return Status::kOk;
  }
  return Status::kUnreadable;
}

} // namespace

ReadBackends::ReadBackends(const Options &run_options, Services &run_services, StopToken stop_token)
    : options(run_options), services(run_services), stop(std::move(stop_token)),
      redis_endpoint(ParseRedisUrl(run_options.local_redis)), local(run_options),
      hits(run_services.metrics.Counter("itemize_read_hits_total", "Items served from the local Redis")),
      fills(run_services.metrics.Counter("itemize_read_fills_total", "Items filled from the database")),
      fill_retries(run_services.metrics.Counter("itemize_read_fill_retries_total", "Fills that had to be tried again")),
      uncached(run_services.metrics.Counter("itemize_read_uncached_total",
                                            "Items served from the database without being stored")) {}

ItemReader::ItemReader(ReadBackends &backends)
    : backends_(backends),
      redis_([&backends] { return std::make_unique<RedisConnection>(backends.redis_endpoint, kRedisTimeouts); }),
      database_([&backends] {
        PostgresSettings settings;
        settings.application_name = "itemize-sidecar extended";
        settings.query_timeout = kQueryTimeout;
        return std::make_unique<PostgresConnection>(backends.options.database, settings, backends.stop);
      }) {}

bool ItemReader::ReadLocal(const std::string &type, const std::vector<std::string> &keys, LocalRead &local) {
  const auto floor = backends_.floor.Get();
  if (!WithRedis([&](RedisConnection &redis) { local = backends_.local.Read(redis, type, keys); })) return false;
  if (!local.position) return true;
  if (local.behind) return false;
  if (floor && PositionFloor::IsBelow(*local.position, *floor)) return false;
  backends_.floor.Raise(*local.position);
  return true;
}

ReadResult ItemReader::Read(const std::string &type, const std::vector<std::string> &keys) {
  try {
    return ReadThrough(type, keys);
  } catch (const DatabaseRefused &) {
    ReadResult result;
    result.status = Status::kRefused;
    return result;
  }
}

ReadResult ItemReader::ReadThrough(const std::string &type, const std::vector<std::string> &keys) {
  LocalRead local;
  if (!ReadLocal(type, keys, local)) return ReadWithoutCopy(type, keys);
  ReadResult result;
  result.status = StatusOf(local.access);
  result.position = local.position;
  if (result.status != Status::kOk) return result;
  backends_.hits.Increment(static_cast<double>(local.items.size() - FindUnknown(keys, local.items).keys.size()));

  try {
    CompleteFromDatabase(type, keys, local.items, result);
  } catch (const UnknownType &) {
    result.status = Status::kUnreadable; // dropped, and the copy has not heard of it yet
  }
  result.stale = backends_.database_outage.ongoing();
  if (result.status == Status::kOk) result.rows = RowsOf(std::move(local.items));
  return result;
}

void ItemReader::CompleteFromDatabase(const std::string &type, const std::vector<std::string> &keys,
                                      std::vector<HeldItem> &items, ReadResult &result) {
  auto wait = kFirstWait;
  const auto give_up = std::chrono::steady_clock::now() + kWaitBound;
  while (AnyUnknown(items)) {
    const FillOutcome outcome = FillUnknown(type, keys, items);
    if (outcome == FillOutcome::kRedisGone) return CompleteWithoutRedis(type, keys, items, result);
    if (outcome == FillOutcome::kDatabaseGone) {
      result.status = Status::kUnavailable;
      return;
    }
    const UnknownKeys unknown = FindUnknown(keys, items);
    if (unknown.keys.empty()) return;
    if (std::chrono::steady_clock::now() >= give_up || backends_.stop.WaitFor(wait)) {
      // The row of the database may be ahead of the copy, which would take it back at the next read (I2).
      result.status = Status::kContended;
      return;
    }
    wait = std::min(wait * 2, kLongestWait);
    LocalRead again;
    if (!ReadLocal(type, unknown.keys, again)) return CompleteWithoutRedis(type, keys, items, result);
    result.status = StatusOf(again.access);
    if (result.status != Status::kOk) return;
    for (std::size_t i = 0; i < unknown.places.size(); ++i)
      items[unknown.places[i]] = std::move(again.items[i]);
  }
}

void ItemReader::CompleteWithoutRedis(const std::string &type, const std::vector<std::string> &keys,
                                      std::vector<HeldItem> &items, ReadResult &result) {
  result.without_redis = true;
  if (!FetchUncached(type, keys, items)) result.status = Status::kUnavailable;
}

ItemReader::FillOutcome ItemReader::FillUnknown(const std::string &type, const std::vector<std::string> &keys,
                                                std::vector<HeldItem> &items) {
  const UnknownKeys unknown = FindUnknown(keys, items);
  std::optional<FillLease> lease;
  if (!WithRedis([&](RedisConnection &redis) { lease = backends_.local.BeginFill(redis, type, unknown.keys); })) {
    return FillOutcome::kRedisGone;
  }
  if (!lease) return FillOutcome::kTried;
  std::vector<std::string> granted;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < unknown.keys.size(); ++i) {
    if (!lease->granted[i]) continue;
    granted.push_back(unknown.keys[i]);
    places.push_back(unknown.places[i]);
  }
  if (granted.empty()) return FillOutcome::kTried; // others fill them all
  const auto abandon = [&] {
    WithRedis([&](RedisConnection &redis) { backends_.local.AbandonFill(redis, type, *lease, granted); });
  };
  Fetched fetched;
  bool answered = false;
  try {
    answered = FetchRows(type, granted, fetched);
  } catch (const PostgresError &) {
    abandon();
    return FillHalves(type, granted, places, items);
  } catch (...) {
    abandon();
    throw;
  }
  if (!answered) {
    abandon();
    return FillOutcome::kDatabaseGone;
  }
  std::vector<HeldItem> stored;
  if (!WithRedis([&](RedisConnection &redis) {
        stored = backends_.local.StoreFill(redis, type, *lease, fetched.snapshot, granted, fetched.items);
      })) {
    return FillOutcome::kRedisGone;
  }
  for (std::size_t i = 0; i < places.size(); ++i) {
    (IsUnknown(stored[i]) ? backends_.fill_retries : backends_.fills).Increment();
    items[places[i]] = std::move(stored[i]);
  }
  return FillOutcome::kTried;
}

ItemReader::FillOutcome ItemReader::FillHalves(const std::string &type, const std::vector<std::string> &keys,
                                               const std::vector<std::size_t> &places, std::vector<HeldItem> &items) {
  if (keys.size() == 1) {
    // 'abc' is no bigint: there cannot be such an item.
    items[places.front()].state = HeldItem::State::kMissing;
    return FillOutcome::kTried;
  }
  const auto middle = static_cast<std::ptrdiff_t>(keys.size() / 2);
  std::size_t place = 0;
  for (const auto &half : {std::vector<std::string>(keys.begin(), keys.begin() + middle),
                           std::vector<std::string>(keys.begin() + middle, keys.end())}) {
    std::vector<HeldItem> filled(half.size());
    const FillOutcome outcome = FillUnknown(type, half, filled);
    if (outcome != FillOutcome::kTried) return outcome;
    for (HeldItem &item : filled)
      items[places[place++]] = std::move(item);
  }
  return FillOutcome::kTried;
}

bool ItemReader::FetchUncached(const std::string &type, const std::vector<std::string> &keys,
                               std::vector<HeldItem> &items) {
  const UnknownKeys unknown = FindUnknown(keys, items);
  Fetched fetched;
  try {
    if (!FetchRows(type, unknown.keys, fetched)) return false;
  } catch (const PostgresError &) {
    // One key was refused; the others must not suffer.
    for (const std::string &key : unknown.keys) {
      Fetched one;
      try {
        if (!FetchRows(type, {key}, one)) return false;
      } catch (const PostgresError &) {
        one.items = {FetchedItem{}};
      }
      fetched.items.push_back(std::move(one.items.front()));
    }
  }
  backends_.uncached.Increment(static_cast<double>(unknown.keys.size()));
  for (std::size_t i = 0; i < unknown.places.size(); ++i)
    items[unknown.places[i]] = HeldFrom(std::move(fetched.items[i]));
  return true;
}

bool ItemReader::FetchRows(const std::string &type, const std::vector<std::string> &keys, Fetched &fetched) {
  const bool answered =
      WithDatabase([&](PostgresConnection &database) { fetched = ItemSource::Fetch(database, type, keys); });
  if (answered) backends_.database_refusal.Works();
  return answered;
}

ReadResult ItemReader::ReadWithoutCopy(const std::string &type, const std::vector<std::string> &keys) {
  ReadResult result;
  result.without_redis = true;
  bool readable = false;
  std::vector<HeldItem> items(keys.size());
  try {
    const bool answered =
        WithDatabase([&](PostgresConnection &database) { readable = ItemSource::IsReadable(database, type); });
    if (!answered || (readable && !FetchUncached(type, keys, items))) {
      result.status = Status::kUnavailable;
      return result;
    }
  } catch (const UnknownType &) {
    readable = false;
  }
  if (!readable) {
    result.status = Status::kUnreadable;
    return result;
  }
  result.rows = RowsOf(std::move(items));
  return result;
}

PageResult ItemReader::Page(const std::string &type, std::size_t limit, const std::optional<std::string> &after) {
  PageResult result;
  LocalRead local;
  bool readable = false;
  try {
    if (ReadLocal(type, {}, local)) {
      result.status = StatusOf(local.access);
      result.position = local.position;
      readable = result.status == Status::kOk;
    } else {
      result.without_redis = true;
      if (!WithDatabase([&](PostgresConnection &database) { readable = ItemSource::IsReadable(database, type); })) {
        result.status = Status::kUnavailable;
        return result;
      }
      if (!readable) result.status = Status::kUnreadable;
    }
    if (!readable) return result;
    const bool answered = WithDatabase(
        [&](PostgresConnection &database) { result.items = ItemSource::List(database, type, limit, after); });
    if (!answered) {
      result.status = Status::kUnavailable;
      return result;
    }
    // A full page may be the last one; the client then finds the next one empty.
    if (result.items.size() == limit) result.next = result.items.back().key;
    if (!result.without_redis) TakeRowsFromCopy(type, result);
  } catch (const UnknownType &) {
    result.status = Status::kUnreadable;
  } catch (const DatabaseRefused &) {
    result.status = Status::kRefused;
  } catch (const PostgresError &) {
    result.status = Status::kMalformed; // about the question, and `after` is all of it that the client wrote freely
  }
  return result;
}

void ItemReader::TakeRowsFromCopy(const std::string &type, PageResult &page) {
  std::vector<std::string> keys;
  keys.reserve(page.items.size());
  for (const PageItem &item : page.items)
    keys.push_back(item.key);
  ReadResult read = Read(type, keys);
  page.status = read.status;
  if (read.status != Status::kOk) return;
  if (read.position) page.position = read.position;
  std::vector<PageItem> items;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (read.rows[i]) items.push_back({std::move(keys[i]), std::move(*read.rows[i])});
  }
  page.items = std::move(items);
}

Status ItemReader::Access(const std::string &type) { return Read(type, {}).status; }

} // namespace itemize::sidecar::read
