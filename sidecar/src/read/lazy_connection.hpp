// A connection that is made when it is needed and dropped when it breaks, and a breaker that keeps a
// server which is gone from being waited for by every request.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <utility>

namespace itemize::sidecar::read {

/// Shared by all who talk to one server. Thread-safe.
class Outage {
public:
  /// After a failure one caller at a time may try again, this much later.
  static constexpr std::chrono::milliseconds kRetryAfter{500};
  /// How long such a trial keeps the others from one of their own, should it not come to an end.
  static constexpr std::chrono::milliseconds kLongestTrial{5000};

  [[nodiscard]] bool ongoing() const { return failed_.load(std::memory_order_relaxed); }

  /// Whether to talk to the server: while it is gone only one caller is told so, kRetryAfter after the last failed. A
  /// server that hangs holds one caller then, not all of them.
  bool MayTry() {
    if (!ongoing()) return true;
    auto next = next_try_.load();
    const auto now = Clock::now().time_since_epoch();
    return now >= next && next_try_.compare_exchange_strong(next, now + kLongestTrial);
  }

  /// True for the failure that begins an outage.
  bool Failed() {
    next_try_.store(Clock::now().time_since_epoch() + kRetryAfter);
    return !failed_.exchange(true);
  }

  /// A trial that says nothing of the server's being there or not: another may follow.
  void TriedInVain() { next_try_.store(Clock::now().time_since_epoch() + kRetryAfter); }

  /// True when this ends an outage.
  bool Works() { return ongoing() && failed_.exchange(false); }

private:
  using Clock = std::chrono::steady_clock;

  std::atomic<bool> failed_{false};
  std::atomic<Clock::duration> next_try_{Clock::duration::zero()};
};

/// For a server that works and is of no use for a moment. Thread-safe.
class Pause {
public:
  void Begin(std::chrono::milliseconds length) { until_.store(Clock::now().time_since_epoch() + length); }
  [[nodiscard]] bool ongoing() const { return Clock::now().time_since_epoch() < until_.load(); }

private:
  using Clock = std::chrono::steady_clock;

  std::atomic<Clock::duration> until_{Clock::duration::zero()};
};

/// A connection that lay idle while its server was restarted fails at its next use, which says nothing
/// of the server: then a new one is tried. Not after a wait, which was the server's doing.
class SecondChance {
public:
  explicit SecondChance(bool connected) : connected_(connected) {}
  [[nodiscard]] bool given() const { return connected_ && std::chrono::steady_clock::now() - start_ < kSoon; }

private:
  static constexpr std::chrono::milliseconds kSoon{500};

  bool connected_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// For one thread at a time.
template <typename Connection>
class LazyConnection {
public:
  using Make = std::function<std::unique_ptr<Connection>()>;

  explicit LazyConnection(Make make) : make_(std::move(make)) {}

  /// Connects when there is no connection; throws as the connection's constructor.
  Connection &Get() {
    if (!connection_) connection_ = make_();
    return *connection_;
  }
  [[nodiscard]] bool connected() const { return connection_ != nullptr; }
  void Drop() { connection_.reset(); }

private:
  Make make_;
  std::unique_ptr<Connection> connection_;
};

} // namespace itemize::sidecar::read
