#include "tail/line_writer.hpp"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <system_error>
#include <utility>

namespace itemize::sidecar {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{64} * 1024;
constexpr int kWaitMilliseconds = 500;

/// A pipe that poll calls writable takes PIPE_BUF bytes without blocking (POSIX, write), and not more for sure.
std::size_t LargestStep(int fd) {
  struct stat status {};
  return fstat(fd, &status) == 0 && S_ISREG(status.st_mode) ? kBufferBytes : PIPE_BUF;
}

} // namespace

LineWriter::LineWriter(int fd, StopToken stop, WhileWaiting while_waiting)
    : fd_(fd), step_(LargestStep(fd)), stop_(std::move(stop)), while_waiting_(std::move(while_waiting)) {}

void LineWriter::Write(std::string_view lines) {
  buffer_ += lines;
  if (buffer_.size() >= kBufferBytes) Flush();
}

void LineWriter::Flush() {
  std::size_t written = 0;
  auto last_taken = std::chrono::steady_clock::now();
  while (written < buffer_.size()) {
    std::array<pollfd, 2> waits = {{{fd_, POLLOUT, 0}, {stop_.fd(), POLLIN, 0}}};
    const int ready = poll(waits.data(), waits.size(), kWaitMilliseconds);
    stop_.ThrowIfStopped();
    if (ready <= 0 || (waits[0].revents & (POLLOUT | POLLERR | POLLHUP | POLLNVAL)) == 0) {
      while_waiting_(std::chrono::steady_clock::now() - last_taken);
      continue;
    }
    const std::size_t step = std::min(step_, buffer_.size() - written);
    const ssize_t count = write(fd_, buffer_.data() + written, step);
    if (count >= 0) {
      written += static_cast<std::size_t>(count);
      last_taken = std::chrono::steady_clock::now();
    } else if (errno == EPIPE || errno == ECONNRESET || errno == EBADF) {
      throw OutputClosed();
    } else if (errno != EINTR && errno != EAGAIN) {
      throw std::system_error(errno, std::generic_category(), "standard output");
    }
  }
  buffer_.clear();
}

} // namespace itemize::sidecar
