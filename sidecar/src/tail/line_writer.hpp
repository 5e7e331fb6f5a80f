// Standard output with backpressure: waits for the reader of a pipe, without missing a stop.
#pragma once

#include "base/errors.hpp"
#include "base/stop_token.hpp"

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
  /// `while_waiting`: called now and then while the reader is slow.
  LineWriter(int fd, StopToken stop, std::function<void()> while_waiting);

  /// Whole lines; kept until Flush, or until there are many.
  void Write(std::string_view lines);
  /// Throws Stopped, OutputClosed.
  void Flush();

private:
  int fd_;
  std::size_t step_;
  StopToken stop_;
  std::function<void()> while_waiting_;
  std::string buffer_;
};

} // namespace itemize::sidecar
