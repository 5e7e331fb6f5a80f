// Standard output with backpressure: waits for the reader of a pipe, without missing a stop.
#pragma once

#include "base/errors.hpp"
#include "base/stop_token.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace itemize::sidecar {

/// Nobody reads any more: the end, and no fault.
class OutputClosed : public Error {
public:
  OutputClosed() : Error("standard output was closed") {}
};

class LineWriter {
public:
  /// Told how long the reader has taken nothing.
  using WhileWaiting = std::function<void(std::chrono::steady_clock::duration)>;

  /// `while_waiting`: called now and then while the reader is slow.
  LineWriter(int fd, StopToken stop, WhileWaiting while_waiting);

  /// Whole lines; kept until Flush, or until there are many.
  void Write(std::string_view lines);
  /// Throws Stopped, OutputClosed.
  void Flush();

private:
  int fd_;
  std::size_t step_;
  StopToken stop_;
  WhileWaiting while_waiting_;
  std::string buffer_;
};

} // namespace itemize::sidecar
