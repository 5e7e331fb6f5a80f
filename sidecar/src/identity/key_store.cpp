#include "identity/key_store.hpp"

#include "base/errors.hpp"

#include <utility>

namespace itemize::sidecar::identity {

namespace {

/// How late a stop, or a period's end, may be noticed.
constexpr std::chrono::milliseconds kIdle{200};

} // namespace

KeyStore::KeyStore(const KeySourceOptions &options, Logger &log, Metrics &metrics, RefreshTimes times)
    : configured_(options.any()), times_(times), log_(log),
      failures_(metrics.Counter("itemize_token_key_failures_total",
                                "Attempts to read the keys of tokens again that failed")) {
  const StopSource never;
  for (KeySource &origin : KeySourcesOf(options)) {
    std::optional<KeySet> keys;
    if (!origin.remote) keys = ReadFirst(origin, never.token());
    sources_.push_back({std::move(origin), std::move(keys)});
  }
  keys_ = Joined();
  const auto now = Clock::now();
  next_attempt_ = now;
  next_period_ = keys_ ? now + times_.period : now;
}

std::shared_ptr<const KeySet> KeyStore::keys() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return keys_;
}

bool KeyStore::MayRefresh() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return wanted_ || Clock::now() >= next_attempt_;
}

void KeyStore::AwaitRefresh(Wake wake) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (wanted_ || Clock::now() >= next_attempt_) {
      wanted_ = true;
      waiting_.push_back(std::move(wake));
      changed_.notify_one();
      return;
    }
  }
  wake();
}

/// The mutex is held.
bool KeyStore::IsDue() const {
  const auto now = Clock::now();
  return (wanted_ || now >= next_period_) && now >= next_attempt_;
}

void KeyStore::Run(const StopToken &stop) {
  while (configured() && !stop.stopped()) {
    {
      std::unique_lock<std::mutex> lock(mutex_);
      if (!IsDue()) changed_.wait_for(lock, kIdle);
      if (!IsDue()) continue;
      wanted_ = true; // who comes meanwhile waits for this attempt
    }
    Refresh(stop);
  }
}

/// Each for itself, so that one that is away does not keep the others as they were. What failed, and why; empty:
/// nothing.
std::string KeyStore::ReadSources(const StopToken &stop) {
  std::string failures;
  for (Source &source : sources_) {
    try {
      source.last = source.origin.read(stop);
    } catch (const Stopped &) {
      throw;
    } catch (const std::exception &error) {
      if (!failures.empty()) failures += "; ";
      failures += error.what();
    }
  }
  return failures;
}

std::shared_ptr<const KeySet> KeyStore::Joined() const {
  KeySet keys;
  for (const Source &source : sources_) {
    if (!source.last) return nullptr;
    keys.insert(keys.end(), source.last->begin(), source.last->end());
  }
  return std::make_shared<const KeySet>(std::move(keys));
}

void KeyStore::Refresh(const StopToken &stop) {
  std::string failure;
  try {
    failure = ReadSources(stop);
  } catch (const Stopped &) {
    return; // Clear() drops who waits
  }
  auto joined = Joined();
  std::vector<Wake> waiting;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto now = Clock::now();
    next_attempt_ = now + times_.pause;
    next_period_ = now + (failure.empty() ? times_.period : times_.pause);
    keys_ = std::move(joined);
    if (!failure.empty()) failures_.Increment();
    if (!failure.empty() && !failing_) log_.Warning("token_keys_unavailable", {{"error", failure}});
    if (failure.empty() && failing_) log_.Info("token_keys_available");
    failing_ = !failure.empty();
    wanted_ = false;
    waiting.swap(waiting_);
  }
  for (const Wake &wake : waiting)
    wake();
}

void KeyStore::Clear() {
  std::vector<Wake> waiting;
  const std::lock_guard<std::mutex> lock(mutex_);
  waiting.swap(waiting_);
}

} // namespace itemize::sidecar::identity
