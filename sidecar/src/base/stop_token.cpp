#include "base/stop_token.hpp"

#include "base/errors.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

namespace itemize::sidecar {

StopToken::State::State() : fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

StopToken::State::~State() { close(fd); }

bool StopToken::WaitFor(std::chrono::milliseconds duration) const {
  const auto deadline = std::chrono::steady_clock::now() + duration;
  while (!stopped()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    pollfd wait{fd(), POLLIN, 0};
    poll(&wait, 1, static_cast<int>(left.count()));
  }
  return true;
}

void StopToken::ThrowIfStopped() const {
  if (stopped()) throw Stopped();
}

void StopSource::RequestStop() {
  token_.state_->requested.store(true, std::memory_order_release);
  const std::uint64_t one = 1;
  // Fails only when the counter is full, and then the descriptor is readable already.
  [[maybe_unused]] const ssize_t written = write(token_.fd(), &one, sizeof(one));
}

} // namespace itemize::sidecar
