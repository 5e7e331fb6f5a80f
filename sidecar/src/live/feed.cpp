#include "live/feed.hpp"

#include "base/backoff.hpp"
#include "live/current_rows.hpp"

namespace itemize::sidecar::live {

namespace {

/// Also how long a stop, and a change of the local copy, may go unseen.
constexpr std::chrono::milliseconds kBlock{500};
constexpr std::chrono::milliseconds kLookAgain{200};

} // namespace

Feed::Feed(Hub &hub, admission::Register &callers, read::ReadBackends &backends)
    : hub_(hub), callers_(callers), backends_(backends), stream_(backends.options.prefix), reader_(backends) {}

void Feed::Run(const StopToken &stop) {
  Backoff backoff;
  bool connected = true;
  while (!stop.stopped()) {
    try {
      Follow(stop);
      return;
    } catch (const RedisError &error) {
      if (connected) backends_.services.log.Warning("live_feed_lost", {{"error", error.what()}});
      connected = false;
      callers_.Suspend();
      stop.WaitFor(backoff.Next());
    }
  }
}

void Feed::Follow(const StopToken &stop) {
  RedisConnection redis(backends_.redis_endpoint);
  const RowUnderRule row_source = RowsUnderRule(reader_);
  Find(redis, stop);
  while (!stop.stopped()) {
    const auto arrived = LocalStream::Await(redis, name_space_, position_.version, healed_after_, kBlock);
    if (arrived.gap) {
      Find(redis, stop);
      continue;
    }
    healed_.insert(healed_.end(), arrived.healed.begin(), arrived.healed.end());
    if (!arrived.healed.empty()) healed_after_ = arrived.healed.back().id;
    TellHealed(position_.version);
    for (const StreamEntry &entry : arrived.entries) {
      backends_.memory.ForgetChanges(entry.piece, {position_.epoch, entry.id});
      callers_.Note(entry.piece, {position_.epoch, entry.id});
      hub_.Publish(entry, row_source);
      position_.version = entry.id;
      // Before what the copy has applied later: who has had that has been told, and need not be when he comes back.
      TellHealed(position_.version);
    }
    callers_.Resume();
    // Nothing more comes on the stream of a copy that is no longer the running one.
    if (arrived.entries.empty() && stream_.ReadNamespace(redis) != name_space_) Find(redis, stop);
  }
}

void Feed::TellHealed(const Version &applied) {
  while (!healed_.empty() && healed_.front().applied <= applied) {
    if (healed_.front().type.empty())
      backends_.memory.Clear(position_);
    else
      backends_.memory.Forget(healed_.front().type, healed_.front().key);
    callers_.NoteHealed(healed_.front().type, healed_.front().key, position_);
    hub_.TellHealed(healed_.front(), RowsUnderRule(reader_));
    healed_.pop_front();
  }
}

void Feed::Find(RedisConnection &redis, const StopToken &stop) {
  auto state = stream_.ReadState(redis);
  while (!state) {
    hub_.Suspend();
    callers_.Suspend();
    if (stop.WaitFor(kLookAgain)) return;
    state = stream_.ReadState(redis);
  }
  const bool same = state->name_space == name_space_;
  // A Redis that came back from an old snapshot is behind what has been told.
  if (same && state->Covers(position_.version) && position_.version <= state->position.version && hub_.standing()) {
    return;
  }
  const bool behind = same && position_.version <= state->position.version;
  const std::string_view reason = name_space_.empty()                        ? "start"
                                  : state->position.epoch != position_.epoch ? "epoch"
                                  : behind                                   ? "window"
                                                                             : "reset";
  name_space_ = state->name_space;
  position_ = state->position;
  healed_.clear();
  healed_after_ = LocalStream::LastHealed(redis, name_space_);
  backends_.services.log.Info("live_feed", {{"position", FormatPosition(position_)}, {"reason", reason}});
  backends_.memory.Clear(position_);
  callers_.Reset(position_);
  hub_.Reset(std::move(*state), reason);
}

} // namespace itemize::sidecar::live
