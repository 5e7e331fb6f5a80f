// Where the events of one subscription go: a connection of its own, or a part of one that others share.
#pragma once

#include "live/event.hpp"

#include <chrono>
#include <functional>
#include <vector>

namespace itemize::sidecar::live {

/// All members run on the loop's thread, also the destructor. A callback may be called before the call that it was
/// given to has returned.
class Sink {
public:
  Sink() = default;
  virtual ~Sink() = default;
  Sink(const Sink &) = delete;
  Sink &operator=(const Sink &) = delete;

  /// Calls `ended` once when the client is gone; not after Close.
  virtual void WatchForEnd(std::function<void()> ended) = 0;
  /// Sends `events`, which stay as they are until `done` is called: with false when the client is gone. Not called
  /// again before that, nor after Close.
  virtual void Send(const std::vector<SharedEvent> &events, std::function<void(bool)> done) = 0;
  /// Ends the connection, or the part of it. `done` is not called any more.
  virtual void Close() = 0;
  /// Whether the client has taken nothing for that long although something is being sent. Never of a part: its
  /// connection sees to that.
  [[nodiscard]] virtual bool StalledFor(std::chrono::milliseconds duration) const = 0;
};

} // namespace itemize::sidecar::live
