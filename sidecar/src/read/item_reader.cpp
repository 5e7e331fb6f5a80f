#include "read/item_reader.hpp"

#include "itemize/cache_control.hpp"
#include "itemize/read_rule.hpp"

#include <algorithm>

namespace itemize::sidecar::read {

namespace {

/// Between attempts at a fill that the stream outran, or looks at a key that another is filling.
constexpr std::chrono::milliseconds kFirstWait{2};
constexpr std::chrono::milliseconds kLongestWait{50};
/// How long to go on with that: as long as a slow question to the database.
constexpr std::chrono::milliseconds kWaitBound{1000};

/// Short as well: a database that hangs must not hold the workers that could answer from the copy.
constexpr std::chrono::milliseconds kQueryTimeout{3000};
/// Shorter: the primary is asked afterwards.
constexpr std::chrono::milliseconds kReplicaTimeout{1000};

/// Short: without Redis there is the database, and a stop waits for whoever waits here.
const RedisTimeouts kRedisTimeouts{std::chrono::milliseconds(1000), std::chrono::milliseconds(1500)};

/// Where items leave, wherever they come from. Who may read the type may not see each of them; what he may not see is
/// not there for him, nor is what is wrong with it.
void PutRows(std::vector<HeldItem> items, const authorization::Viewer &viewer, ReadResult &result) {
  const bool by_item = IsRuleOfOwners(result.rule);
  result.rows.reserve(items.size());
  for (HeldItem &item : items) {
    const std::string_view row =
        item.state == HeldItem::State::kFound ? std::string_view(item.row) : std::string_view();
    // Of what could not be read in time nobody knows whose it is, nor whether it is there.
    if (by_item && item.state != HeldItem::State::kContended && !viewer.MaySee(result.rule, row)) {
      item = {HeldItem::State::kMissing, {}, {}};
    }
    if (item.state == HeldItem::State::kUnencodable) result.unencodable.push_back(result.rows.size());
    if (item.state == HeldItem::State::kContended) result.contended.push_back(result.rows.size());
    result.rows.push_back(item.state == HeldItem::State::kFound ? std::optional(std::move(item.row)) : std::nullopt);
  }
}

/// Leaves as many as there is room for; what is cut off is behind `next`.
void CutToFit(PageResult &page) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < page.items.size(); ++i) {
    bytes += page.items[i].row.size();
    if (i == 0 || bytes <= kMaxAnswerBytes) continue;
    page.items.resize(i);
    page.next = page.items.back().key;
    return;
  }
}

/// Of rows that are large few are asked for in vain, and of small ones, which most are, many at a time.
constexpr std::size_t kFirstRows = 16;
constexpr std::size_t kMostRows = 64;

/// How many more there is room for, if they are as large as those before.
std::size_t RowsThatFit(std::size_t bytes, std::size_t rows) {
  const std::size_t each = std::max<std::size_t>(1, bytes / std::max<std::size_t>(1, rows));
  const std::size_t left = kMaxAnswerBytes - std::min(bytes, kMaxAnswerBytes);
  return std::clamp<std::size_t>(left / each, 1, kMostRows);
}

std::vector<std::string> KeysOf(const std::vector<PageItem> &items) {
  std::vector<std::string> keys;
  keys.reserve(items.size());
  for (const PageItem &item : items)
    keys.push_back(item.key);
  return keys;
}

ReadResult::Status StatusOf(LocalRead::Access access) {
  using Status = ReadResult::Status;
  switch (access) {
  case LocalRead::Access::kNoCopy: return Status::kNotReady;
  case LocalRead::Access::kUnreadable: return Status::kUnreadable;
  case LocalRead::Access::kReadable: return Status::kOk;
  }
  return Status::kUnreadable;
}

std::unique_ptr<PostgresConnection> Connect(const std::string &url, std::chrono::milliseconds timeout,
                                            const StopToken &stop) {
  PostgresSettings settings;
  settings.application_name = "itemize-sidecar extended";
  settings.connect_timeout = std::min(settings.connect_timeout, timeout);
  settings.query_timeout = timeout;
  return std::make_unique<PostgresConnection>(url, settings, stop);
}

} // namespace

ItemReader::ItemReader(ReadBackends &backends)
    : backends_(backends),
      redis_([&backends] { return std::make_unique<RedisConnection>(backends.redis_endpoint, kRedisTimeouts); }),
      database_([&backends] { return Connect(backends.options.database, kQueryTimeout, backends.stop); }) {
  for (const auto &replica : backends.replicas) {
    replicas_.emplace_back([&backends, url = replica->url] { return Connect(url, kReplicaTimeout, backends.stop); });
  }
}

void ItemReader::Forget(RedisConnection &redis, const ShownUncached::Due &due) {
  if (due.whole) backends_.local.ForgetType(redis, due.type);
  if (!due.keys.empty()) backends_.local.Forget(redis, due.type, due.keys);
  backends_.shown_uncached.Forgotten(due);
}

bool ItemReader::ReadLocal(const std::string &type, const std::vector<std::string> &keys,
                           const authorization::Viewer &viewer, LocalRead &local) {
  const auto floor = backends_.floor.Get();
  const auto read = [&](RedisConnection &redis) {
    if (const auto due = backends_.shown_uncached.DueOf(type, keys)) Forget(redis, *due);
    local = backends_.local.Read(redis, type, keys, viewer, &backends_.memory);
  };
  if (!WithRedis(read)) return false;
  if (!local.position) return true;
  if (local.behind) return false;
  if (floor && PositionFloor::IsBelow(*local.position, *floor)) return false;
  backends_.floor.Raise(*local.position);
  if (local.known > 0) backends_.memory.CountHits(local.known);
  for (std::size_t i = 0; i < local.items.size(); ++i) {
    HeldItem &item = local.items[i];
    if (!item.stamp.empty())
      backends_.memory.Keep(type, keys[i], std::move(item.stamp), item.row, *local.position, DirectivesOf(local.rule));
  }
  return true;
}

ReadResult ItemReader::Read(const std::string &type, const std::vector<std::string> &keys, const ReadDemand &demand) {
  try {
    return ReadThrough(type, keys, demand);
  } catch (const DatabaseRefused &) {
    ReadResult result;
    result.status = Status::kRefused;
    return result;
  }
}

ReadResult ItemReader::ReadSome(const std::string &type, const std::vector<std::string> &keys,
                                const ReadDemand &demand) {
  ReadResult result;
  std::size_t bytes = 0;
  std::size_t step = kFirstRows;
  do {
    const std::size_t from = result.rows.size();
    const std::size_t to = std::min(keys.size(), from + step);
    const auto at = [&](std::size_t place) { return keys.begin() + static_cast<std::ptrdiff_t>(place); };
    ReadResult some = Read(type, {at(from), at(to)}, demand);
    if (some.status != Status::kOk) return some;
    for (const std::size_t place : some.unencodable)
      result.unencodable.push_back(from + place);
    for (const std::size_t place : some.contended)
      result.contended.push_back(from + place);
    if (from == 0 || !some.position) result.position = some.position;
    result.rule = some.rule;
    result.without_redis = result.without_redis || some.without_redis;
    result.stale = result.stale || some.stale;
    result.held += some.held;
    result.asked += some.asked;
    result.ahead_of_copy = result.ahead_of_copy || some.ahead_of_copy;
    result.stored = result.stored && some.stored;
    for (auto &row : some.rows) {
      bytes += row ? row->size() : 0;
      if (!result.rows.empty() && bytes > kMaxAnswerBytes) break;
      result.rows.push_back(std::move(row));
    }
    step = RowsThatFit(bytes, result.rows.size());
  } while (bytes <= kMaxAnswerBytes && result.rows.size() < keys.size());
  for (std::vector<std::size_t> *const places : {&result.unencodable, &result.contended}) {
    while (!places->empty() && places->back() >= result.rows.size())
      places->pop_back();
  }
  return result;
}

ReadResult ItemReader::ReadThrough(const std::string &type, const std::vector<std::string> &keys,
                                   const ReadDemand &demand) {
  LocalRead local;
  if (!ReadLocal(type, keys, demand.viewer, local)) return ReadWithoutCopy(type, keys, demand);
  ReadResult result;
  result.status = StatusOf(local.access);
  result.position = local.position;
  result.rule = local.rule;
  if (result.status != Status::kOk) return result;
  Question question{type, demand.viewer, std::nullopt, demand.may_leave_out};
  if (demand.at_least) {
    const PositionReached reached = ReachedBy(*demand.at_least, *local.position, local.complete);
    if (reached != PositionReached::kYes) {
      result.status = CheckDemand(demand, local);
      if (result.status != Status::kOk) return result;
      // What is held is older; the rows come from the primary, which is as new as was asked.
      question.ahead_of_copy = demand.at_least;
      result.position = demand.at_least;
      for (HeldItem &item : local.items)
        item = {};
      backends_.forced_fills.Increment(static_cast<double>(keys.size()));
    }
  }
  const std::size_t unknown = FindUnknown(keys, local.items).keys.size();
  if (unknown > 0 && demand.may_await_fill && !question.ahead_of_copy && !backends_.database_outage.ongoing()) {
    result.status = Status::kAwaitFill;
    return result;
  }
  result.asked = keys.size();
  // Without a position to wait for, it was the fill of this item that was waited for.
  if (!demand.repeated || demand.at_least) result.held = local.items.size() - unknown;
  result.ahead_of_copy = question.ahead_of_copy.has_value();
  if (!demand.repeated) backends_.hits.Increment(static_cast<double>(local.items.size() - unknown));

  try {
    CompleteFromDatabase(question, keys, local.items, result);
  } catch (const UnknownType &) {
    result.status = Status::kUnreadable; // dropped, and the copy has not heard of it yet
  }
  result.stale = backends_.database_outage.ongoing();
  if (result.status == Status::kOk) PutRows(std::move(local.items), demand.viewer, result);
  return result;
}

ReadResult::Status ItemReader::CheckDemand(const ReadDemand &demand, const LocalRead &local) {
  const PositionReached reached = ReachedBy(*demand.at_least, *local.position, local.complete);
  if (reached == PositionReached::kYes) return Status::kOk;
  if (reached == PositionReached::kOtherEpoch) return Status::kOtherEpoch;
  if (demand.may_await_position && demand.wait.count() > 0) {
    backends_.position_waits.Increment();
    return Status::kAwaitPosition;
  }
  const Status primary = CheckPrimary(*demand.at_least);
  // A copy that has not come to the epoch yet would mix two histories.
  if (primary == Status::kOk && local.position->epoch != demand.at_least->epoch) return Status::kNotReached;
  return primary;
}

ReadResult::Status ItemReader::CheckPrimary(const Position &wanted) {
  std::optional<Position> primary;
  if (!WithDatabase([&](PostgresConnection &database) { primary = ItemSource::PrimaryPosition(database); }) ||
      !primary) {
    return Status::kNotReached;
  }
  if (primary->epoch != wanted.epoch) return Status::kOtherEpoch;
  return primary->version.commit_lsn >= wanted.version.commit_lsn ? Status::kOk : Status::kNotReached;
}

void ItemReader::CompleteFromDatabase(const Question &question, const std::vector<std::string> &keys,
                                      std::vector<HeldItem> &items, ReadResult &result) {
  auto wait = kFirstWait;
  const auto give_up = std::chrono::steady_clock::now() + kWaitBound;
  while (!FindUnknown(keys, items).keys.empty()) {
    switch (FillUnknown(question, keys, items)) {
    case FillOutcome::kTried: break;
    case FillOutcome::kRedisGone: return CompleteWithoutStoring(question, keys, items, result, false);
    case FillOutcome::kRedisFull: return CompleteWithoutStoring(question, keys, items, result, true);
    case FillOutcome::kDatabaseGone:
      result.status = question.ahead_of_copy ? Status::kNotReached : Status::kUnavailable;
      return;
    }
    const UnknownKeys unknown = FindUnknown(keys, items);
    if (unknown.keys.empty()) return;
    if (std::chrono::steady_clock::now() >= give_up || backends_.stop.WaitFor(wait)) {
      // The row of the database may be ahead of the copy, which would take it back at the next read (I2).
      if (!question.may_leave_out) result.status = Status::kContended;
      for (const std::size_t place : unknown.places)
        items[place].state = HeldItem::State::kContended;
      return;
    }
    wait = std::min(wait * 2, kLongestWait);
    LocalRead again;
    if (!ReadLocal(question.type, unknown.keys, question.viewer, again)) {
      return CompleteWithoutStoring(question, keys, items, result, false);
    }
    result.status = StatusOf(again.access);
    result.rule = again.rule;
    if (result.status != Status::kOk) return;
    if (question.ahead_of_copy &&
        ReachedBy(*question.ahead_of_copy, *again.position, again.complete) != PositionReached::kYes) {
      continue; // another's fill, perhaps from before the position
    }
    for (std::size_t i = 0; i < unknown.places.size(); ++i)
      items[unknown.places[i]] = std::move(again.items[i]);
  }
}

void ItemReader::CompleteWithoutStoring(const Question &question, const std::vector<std::string> &keys,
                                        std::vector<HeldItem> &items, ReadResult &result, bool forget) {
  result.stored = false;
  const std::string rule_of_copy = result.rule;
  const std::vector<std::string> unknown = FindUnknown(keys, items).keys;
  result.status = FetchUncached(question, keys, items, result);
  if (result.status == Status::kUnavailable && question.ahead_of_copy) result.status = Status::kNotReached;
  if (result.status != Status::kOk) return;
  const std::vector<std::string> &shown = result.rule == rule_of_copy ? unknown : keys;
  result.without_redis =
      !forget || !WithRedis([&](RedisConnection &redis) { backends_.local.Forget(redis, question.type, shown); });
  if (result.without_redis) backends_.shown_uncached.Add(question.type, shown);
}

bool ItemReader::AskRule(const std::string &type, std::optional<DefinedRule> &rule) {
  return WithDatabase([&](PostgresConnection &database) { rule = ItemSource::ReadRule(database, type); });
}

ReadResult::Status ItemReader::ReadFacts(const std::string &type, std::optional<matching::TypeFacts> &facts) {
  try {
    const bool answered = WithDatabase([&](PostgresConnection &database) { facts = ReadTypeFacts(database, type); });
    return answered ? Status::kOk : Status::kUnavailable;
  } catch (const DatabaseRefused &) {
    return Status::kRefused;
  }
}

ReadResult ItemReader::ReadWithoutCopy(const std::string &type, const std::vector<std::string> &keys,
                                       const ReadDemand &demand) {
  ReadResult result;
  result.without_redis = true;
  result.stored = false;
  if (demand.at_least) {
    result.status = CheckPrimary(*demand.at_least);
    if (result.status != Status::kOk) return result;
    result.position = demand.at_least;
  }
  std::vector<HeldItem> items(keys.size());
  try {
    result.status = FetchUncached({type, demand.viewer, std::nullopt, demand.may_leave_out}, keys, items, result);
  } catch (const UnknownType &) {
    result.status = Status::kUnreadable;
  }
  if (result.status != Status::kOk) return result;
  backends_.shown_uncached.Add(type, keys);
  PutRows(std::move(items), demand.viewer, result);
  return result;
}

PageResult ItemReader::Page(const std::string &type, std::size_t limit, const std::optional<std::string> &after,
                            const ReadDemand &demand) {
  PageResult result;
  LocalRead local;
  std::optional<DefinedRule> defined;
  try {
    if (ReadLocal(type, {}, demand.viewer, local)) {
      result.status = StatusOf(local.access);
      result.rule = local.rule;
      result.position = local.position;
      if (result.status == Status::kOk && demand.at_least) result.status = CheckDemand(demand, local);
    } else {
      result.without_redis = true;
      if (demand.at_least) result.status = CheckPrimary(*demand.at_least);
      if (result.status != Status::kOk) return result;
      if (!AskRule(type, defined)) {
        result.status = Status::kUnavailable;
        return result;
      }
      result.rule = defined ? defined->rule : "";
      if (!defined || !demand.viewer.MayRead(result.rule)) result.status = Status::kUnreadable;
    }
    if (result.status != Status::kOk) return result;
    // A page of what is left, and the key of what comes next, would tell of what others have.
    if (IsRuleOfOwners(result.rule)) {
      result.status = Status::kNotListed;
      return result;
    }
    if (!List(type, limit, after, result)) {
      result.status = demand.at_least ? Status::kNotReached : Status::kUnavailable;
      return result;
    }
    // A full page may be the last one; the client then finds the next one empty.
    if (result.items.size() == limit) result.next = result.items.back().key;
    if (result.without_redis) {
      // Rows of a definition that came meanwhile may be under another rule.
      std::optional<DefinedRule> now;
      if (!AskRule(type, now) || !now || now->generation != defined->generation) {
        result.status = now ? Status::kContended : Status::kUnavailable;
        return result;
      }
      CutToFit(result);
      backends_.shown_uncached.Add(type, KeysOf(result.items));
    } else {
      TakeRowsFromCopy(type, result, demand);
    }
  } catch (const UnknownType &) {
    result.status = Status::kUnreadable;
  } catch (const DatabaseRefused &) {
    result.status = Status::kRefused;
  } catch (const PostgresError &error) {
    // invalid_parameter_value is about `after`, which is all of the question that the client wrote freely
    const bool malformed = error.sqlstate() == "22023";
    if (!malformed && backends_.unencodable.MaySay(type)) {
      backends_.services.log.Error("page_unencodable", {{"type", type}, {"sqlstate", error.sqlstate()}});
    }
    result.status = malformed ? Status::kMalformed : Status::kUnencodable;
  }
  return result;
}

bool ItemReader::List(const std::string &type, std::size_t limit, const std::optional<std::string> &after,
                      PageResult &page) {
  std::size_t bytes = 0;
  std::size_t step = page.without_redis ? kFirstRows : limit;
  while (page.items.size() < limit && bytes <= kMaxAnswerBytes) {
    const std::size_t wanted = std::min(step, limit - page.items.size());
    const std::optional<std::string> behind = page.items.empty() ? after : page.items.back().key;
    std::vector<PageItem> some;
    if (!WithDatabase([&](PostgresConnection &database) {
          some = ItemSource::List(database, type, wanted, behind, page.without_redis);
        })) {
      return false;
    }
    for (PageItem &item : some) {
      bytes += item.row.size();
      page.items.push_back(std::move(item));
    }
    if (some.size() < wanted) break;
    step = RowsThatFit(bytes, page.items.size());
  }
  return true;
}

void ItemReader::TakeRowsFromCopy(const std::string &type, PageResult &page, const ReadDemand &demand) {
  std::vector<std::string> keys = KeysOf(page.items);
  ReadDemand of_rows;
  of_rows.viewer = demand.viewer;
  of_rows.at_least = demand.at_least;
  ReadResult read = ReadSome(type, keys, of_rows);
  page.status = read.status == Status::kOk && !read.unencodable.empty() ? Status::kUnencodable : read.status;
  if (page.status != Status::kOk) return;
  page.rule = std::move(read.rule);
  if (read.position) page.position = read.position;
  if (read.rows.size() < keys.size()) page.next = keys[read.rows.size() - 1];
  std::vector<PageItem> items;
  for (std::size_t i = 0; i < read.rows.size(); ++i) {
    if (read.rows[i]) items.push_back({std::move(keys[i]), std::move(*read.rows[i])});
  }
  page.items = std::move(items);
}

} // namespace itemize::sidecar::read
