// What waits to be sent to one subscriber: bounded, and conflated before it is given up.
#pragma once

#include "live/event.hpp"

#include <cstddef>
#include <deque>
#include <string_view>
#include <vector>

namespace itemize::sidecar::live {

class Outbox {
public:
  explicit Outbox(std::size_t limit_bytes) : limit_(limit_bytes) {}

  /// False when the outbox is over its limit although every subject is down to its newest version: the
  /// subscriber is too slow, and what waits has to be replaced (ReplaceAll). One event alone always fits.
  [[nodiscard]] bool Push(SharedEvent event);

  /// Drops everything and puts `event` in its place.
  void ReplaceAll(SharedEvent event);

  /// Drops what is about a type, or a topic with its mark.
  void Drop(std::string_view type);

  /// Takes events from the front, at least one if there is one, up to about `bytes`.
  [[nodiscard]] std::vector<SharedEvent> Take(std::size_t bytes);

  [[nodiscard]] bool empty() const { return events_.empty(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  /// Events dropped because a newer version of their subject waits behind them.
  [[nodiscard]] std::size_t conflated() const { return conflated_; }

private:
  void Conflate();

  std::size_t limit_;
  std::size_t bytes_ = 0;
  std::size_t conflated_ = 0;
  std::deque<SharedEvent> events_;
};

} // namespace itemize::sidecar::live
