// How threads are told to stop. The token has a file descriptor, so that a thread which waits in
// poll() for a socket wakes at once.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>

namespace itemize::sidecar {

class StopToken {
public:
  [[nodiscard]] bool stopped() const { return state_->requested.load(std::memory_order_acquire); }

  /// Readable from the moment of the request on; never to be read from.
  [[nodiscard]] int fd() const { return state_->fd; }

  /// Sleeps; returns early, with true, when a stop is requested.
  bool WaitFor(std::chrono::milliseconds duration) const;

  void ThrowIfStopped() const;

private:
  friend class StopSource;
  struct State {
    State();
    ~State();
    State(const State &) = delete;
    State &operator=(const State &) = delete;
    State(State &&) = delete;
    State &operator=(State &&) = delete;

    std::atomic<bool> requested{false};
    int fd = -1;
  };
  explicit StopToken(std::shared_ptr<State> state) : state_(std::move(state)) {}

  std::shared_ptr<State> state_;
};

class StopSource {
public:
  StopSource() : token_(std::make_shared<StopToken::State>()) {}

  [[nodiscard]] StopToken token() const { return token_; }
  /// Idempotent; from any thread.
  void RequestStop();

private:
  StopToken token_;
};

} // namespace itemize::sidecar
