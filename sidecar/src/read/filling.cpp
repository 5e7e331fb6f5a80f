// How an item gets into the copy: marker, question, store; see docs/explanations/freshness.md.
#include "read/item_reader.hpp"

namespace itemize::sidecar::read {

namespace {

HeldItem HeldFrom(FetchedItem item) {
  return {item.found ? HeldItem::State::kFound : HeldItem::State::kMissing, std::move(item.row), {}};
}

} // namespace

ItemReader::FillOutcome ItemReader::FillUnknown(const Question &question, const std::vector<std::string> &keys,
                                                std::vector<HeldItem> &items) {
  const std::string &type = question.type;
  const UnknownKeys unknown = FindUnknown(keys, items);
  const std::string token = LocalCopy::MakeToken();
  std::optional<FillLease> lease;
  try {
    if (!WithRedis(
            [&](RedisConnection &redis) { lease = backends_.local.BeginFill(redis, type, token, unknown.keys); })) {
      return FillOutcome::kRedisGone;
    }
  } catch (const RedisReplyError &error) {
    NoteRedisFull(error.what());
    return FillOutcome::kRedisFull;
  }
  if (!lease) return FillOutcome::kTried;
  Granted granted;
  std::vector<std::string> own; // to be given back when nothing comes of it
  for (std::size_t i = 0; i < unknown.keys.size(); ++i) {
    const std::string &marker = lease->markers[i];
    if (marker.empty()) continue;
    if (marker == lease->token) own.push_back(unknown.keys[i]);
    granted.keys.push_back(unknown.keys[i]);
    granted.markers.push_back(marker);
    granted.places.push_back(unknown.places[i]);
  }
  backends_.lease_waits.Increment(static_cast<double>(unknown.keys.size() - granted.keys.size()));
  if (granted.keys.empty()) return FillOutcome::kTried; // others fill them all
  const auto put = [&](std::vector<HeldItem> stored) {
    for (std::size_t i = 0; i < stored.size(); ++i) {
      const bool known = stored[i].state != HeldItem::State::kUnknown;
      (known ? backends_.fills : backends_.fill_retries).Increment();
      items[granted.places[i]] = std::move(stored[i]);
    }
  };
  const auto abandon = [&] {
    WithRedis([&](RedisConnection &redis) { backends_.local.AbandonFill(redis, type, *lease, own); });
  };
  StoredFill stored;
  Fetched fetched;
  bool answered = false;
  try {
    if (!question.ahead_of_copy && FillFromReplicas(type, *lease, granted, stored.items)) {
      put(std::move(stored.items));
      return FillOutcome::kTried;
    }
    answered = FetchRows(type, granted.keys, fetched);
  } catch (const PostgresError &error) {
    abandon();
    if (granted.keys.size() > 1) return FillHalves(question, granted.keys, granted.places, items);
    LogUnencodable(type, granted.keys.front(), error);
    items[granted.places.front()].state = HeldItem::State::kUnencodable;
    return FillOutcome::kTried;
  } catch (...) {
    abandon();
    throw;
  }
  if (!answered) {
    abandon();
    return FillOutcome::kDatabaseGone;
  }
  try {
    if (!WithRedis([&](RedisConnection &redis) {
          stored = backends_.local.StoreFill(redis, type, *lease, fetched.as_of, granted.keys, granted.markers,
                                             fetched.items);
        })) {
      return FillOutcome::kRedisGone;
    }
  } catch (const RedisReplyError &error) {
    NoteRedisFull(error.what());
    return FillOutcome::kRedisFull;
  }
  NoteRedisFull(nullptr);
  put(std::move(stored.items));
  return FillOutcome::kTried;
}

ItemReader::FillOutcome ItemReader::FillHalves(const Question &question, const std::vector<std::string> &keys,
                                               const std::vector<std::size_t> &places, std::vector<HeldItem> &items) {
  const auto middle = static_cast<std::ptrdiff_t>(keys.size() / 2);
  std::size_t place = 0;
  for (const auto &half : {std::vector<std::string>(keys.begin(), keys.begin() + middle),
                           std::vector<std::string>(keys.begin() + middle, keys.end())}) {
    std::vector<HeldItem> filled(half.size());
    const FillOutcome outcome = FillUnknown(question, half, filled);
    if (outcome != FillOutcome::kTried) return outcome;
    for (HeldItem &item : filled)
      items[places[place++]] = std::move(item);
  }
  return FillOutcome::kTried;
}

bool ItemReader::FillFromReplicas(const std::string &type, const FillLease &lease, const Granted &granted,
                                  std::vector<HeldItem> &items) {
  for (std::size_t i = 0; i < replicas_.size(); ++i) {
    Replica &replica = *backends_.replicas[i];
    if (replica.pause.ongoing()) continue;
    const auto fetched = FetchFromReplica(i, type, lease, granted.keys);
    if (!fetched) continue;
    StoredFill stored;
    for (int tries = 0; tries < Replica::kWaits; ++tries) {
      // Without Redis, or without memory there, the primary's way finds out what to do.
      try {
        if (!WithRedis([&](RedisConnection &redis) {
              stored = backends_.local.StoreFill(redis, type, lease, fetched->as_of, granted.keys, granted.markers,
                                                 fetched->items);
            })) {
          return false;
        }
      } catch (const RedisReplyError &) {
        return false;
      }
      if (stored.outcome != StoredFill::Outcome::kEarly || backends_.stop.WaitFor(Replica::kWait)) break;
    }
    if (stored.outcome == StoredFill::Outcome::kDone) {
      backends_.replica_fills.Increment(static_cast<double>(granted.keys.size()));
      items = std::move(stored.items);
      return true;
    }
    backends_.replica_misses.Increment();
    replica.pause.Begin(Replica::kPause);
  }
  return false;
}

std::optional<Fetched> ItemReader::FetchFromReplica(std::size_t index, const std::string &type, const FillLease &lease,
                                                    const std::vector<std::string> &keys) {
  Replica &replica = *backends_.replicas[index];
  if (!replica.outage.MayTry()) return std::nullopt;
  Fetched fetched;
  try {
    UseDatabase(replicas_[index],
                [&](PostgresConnection &standby) { fetched = ItemSource::FetchReplayed(standby, type, keys); });
  } catch (const UnknownType &) {
    replica.pause.Begin(Replica::kPause); // it has not replayed the definition
    return std::nullopt;
  } catch (const PostgresError &error) {
    if (!IsAboutTheQuestion(error)) backends_.NoteReplica(replica, kPart, error.what());
    return std::nullopt;
  } catch (const Stopped &) {
    return std::nullopt;
  }
  backends_.fill_queries.Increment();
  backends_.NoteReplica(replica, kPart, nullptr);
  // Its LSNs are of another history when it follows another server, or a promoted one that the stream does not.
  if (lease.epoch.compare(0, fetched.history.size() + 1, fetched.history + '.') == 0) return fetched;
  backends_.replica_misses.Increment();
  replica.pause.Begin(Replica::kPause);
  return std::nullopt;
}

ReadResult::Status ItemReader::FetchUncached(const Question &question, const std::vector<std::string> &keys,
                                             std::vector<HeldItem> &items, ReadResult &result) {
  std::optional<DefinedRule> defined;
  if (!AskRule(question.type, defined)) return Status::kUnavailable;
  if (!defined || !question.viewer.MayRead(defined->rule)) return Status::kUnreadable;
  if (defined->rule != result.rule) {
    items.assign(items.size(), {});
    result.rule = defined->rule;
  }
  const UnknownKeys unknown = FindUnknown(keys, items);
  std::vector<FetchedItem> fetched(unknown.keys.size());
  if (!FetchEach(question.type, unknown, fetched, items)) return Status::kUnavailable;
  bool contended = false;
  for (std::size_t i = 0; i < unknown.places.size(); ++i) {
    HeldItem &item = items[unknown.places[i]];
    if (item.state == HeldItem::State::kUnencodable) continue;
    // Of a definition that came meanwhile, perhaps with another rule.
    const bool other = fetched[i].found && fetched[i].generation != defined->generation;
    item = HeldFrom(std::move(fetched[i]));
    if (other) item = {HeldItem::State::kContended, {}, {}};
    contended = contended || other;
  }
  backends_.uncached.Increment(static_cast<double>(unknown.keys.size()));
  return contended && !question.may_leave_out ? Status::kContended : Status::kOk;
}

bool ItemReader::FetchEach(const std::string &type, const UnknownKeys &unknown, std::vector<FetchedItem> &fetched,
                           std::vector<HeldItem> &items) {
  Fetched answer;
  try {
    if (!FetchRows(type, unknown.keys, answer)) return false;
    fetched = std::move(answer.items);
    return true;
  } catch (const PostgresError &) {
    // Which one is it?
    for (std::size_t i = 0; i < unknown.places.size(); ++i) {
      try {
        if (!FetchRows(type, {unknown.keys[i]}, answer)) return false;
        fetched[i] = std::move(answer.items.front());
      } catch (const PostgresError &error) {
        LogUnencodable(type, unknown.keys[i], error);
        items[unknown.places[i]].state = HeldItem::State::kUnencodable;
      }
    }
    return true;
  }
}

void ItemReader::LogUnencodable(const std::string &type, const std::string &key, const PostgresError &error) {
  // A key that is none of the type's is no error: itemize.fetch answers that there is no such item.
  if (!backends_.unencodable.MaySay(type + '/' + key)) return;
  backends_.services.log.Error(
      "item_unencodable", {{"type", type},
                           {"key", key},
                           {"sqlstate", error.sqlstate()},
                           {"hint", "SELECT itemize.item_json(TYPE, KEY) in the database says what is wrong with it"}});
}

bool ItemReader::FetchRows(const std::string &type, const std::vector<std::string> &keys, Fetched &fetched) {
  const bool answered =
      WithDatabase([&](PostgresConnection &database) { fetched = ItemSource::Fetch(database, type, keys); });
  if (answered) {
    backends_.fill_queries.Increment();
    backends_.database_refusal.Works();
  }
  return answered;
}

} // namespace itemize::sidecar::read
