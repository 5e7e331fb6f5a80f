// The keys in use, kept current: files and the URL are read again from time to time, and soon when a token names a key
// that is not known, as after an issuer has changed its keys.
#pragma once

#include "base/logger.hpp"
#include "base/metrics.hpp"
#include "base/stop_token.hpp"
#include "identity/key_source.hpp"

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace itemize::sidecar::identity {

struct RefreshTimes {
  std::chrono::milliseconds period{300000};
  /// Between two attempts, whoever wants them: an unknown key costs nobody more than this.
  std::chrono::milliseconds pause{10000};
};

/// Thread-safe, but for Run, which is for one thread.
class KeyStore {
public:
  using Wake = std::function<void()>;

  /// Reads the files: throws ConfigError when they have no keys. The URL is read by Run.
  KeyStore(const KeySourceOptions &options, Logger &log, Metrics &metrics, RefreshTimes times = {});

  /// Whether tokens are looked at at all.
  [[nodiscard]] bool configured() const { return configured_; }
  /// What was last had of each source, joined. Null: one of them has not been had yet.
  [[nodiscard]] std::shared_ptr<const KeySet> keys() const;

  /// Whether AwaitRefresh would read the keys again, or is doing so.
  [[nodiscard]] bool MayRefresh() const;
  /// Has the keys read again, and wakes then; at once when that was tried a moment ago.
  void AwaitRefresh(Wake wake);

  /// Reads until a stop.
  void Run(const StopToken &stop);
  /// Drops who still waits.
  void Clear();

private:
  using Clock = std::chrono::steady_clock;

  struct Source {
    KeySource origin;
    /// Keys that cannot be read now are no reason to turn away who was let in with them a moment ago.
    std::optional<KeySet> last;
  };

  void Refresh(const StopToken &stop);
  [[nodiscard]] std::string ReadSources(const StopToken &stop);
  [[nodiscard]] std::shared_ptr<const KeySet> Joined() const;
  [[nodiscard]] bool IsDue() const;

  /// Used by the constructor and by Run alone.
  std::vector<Source> sources_;
  const bool configured_;
  const RefreshTimes times_;
  Logger &log_;
  prometheus::Counter &failures_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<const KeySet> keys_;
  std::vector<Wake> waiting_;
  bool wanted_ = false;
  bool failing_ = false;
  Clock::time_point next_period_;
  Clock::time_point next_attempt_;
};

} // namespace itemize::sidecar::identity
