#include "identity/key_store.hpp"

#include <utility>

namespace itemize::sidecar::identity {

namespace {

/// How late a stop, or a period's end, may be noticed.
constexpr std::chrono::milliseconds kIdle{200};

} // namespace

KeyStore::KeyStore(KeySourceOptions options, Logger &log, Metrics &metrics, RefreshTimes times)
    : options_(std::move(options)), times_(times), log_(log),
      failures_(metrics.Counter("itemize_token_key_failures_total",
                                "Attempts to read the keys of tokens again that failed")) {
  CheckKeySource(options_);
  const auto now = Clock::now();
  next_attempt_ = now;
  next_period_ = IsRemote(options_) ? now : now + times_.period;
  KeySet keys = ReadKeyFiles(options_);
  if (!IsRemote(options_)) keys_ = std::make_shared<const KeySet>(std::move(keys));
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
    Refresh();
  }
}

void KeyStore::Refresh() {
  std::shared_ptr<const KeySet> read;
  std::string failure;
  try {
    KeySet keys = ReadKeyFiles(options_);
    if (IsRemote(options_)) {
      for (Key &key : FetchKeys(options_.jwks))
        keys.push_back(std::move(key));
    }
    read = std::make_shared<const KeySet>(std::move(keys));
  } catch (const std::exception &error) {
    failure = error.what();
  }
  std::vector<Wake> waiting;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto now = Clock::now();
    next_attempt_ = now + times_.pause;
    // Keys that cannot be read now are no reason to turn away who was let in with them a moment ago.
    next_period_ = now + (read ? times_.period : times_.pause);
    if (read) keys_ = std::move(read);
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
