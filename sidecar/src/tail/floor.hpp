// What a reader still needs of the global stream, told to whoever trims it (P:{E}:groups).
#pragma once

#include "local/stream_reader.hpp"
#include "options.hpp"
#include "redis/connection.hpp"

#include <chrono>
#include <string>

namespace itemize::sidecar {

/// While it lives, the stream is kept from `tip` on, within its hard limits: for as long as a copy of rows takes.
class FloorHold {
public:
  FloorHold(const Options &options, const StreamTip &tip);
  FloorHold(const FloorHold &) = delete;
  FloorHold &operator=(const FloorHold &) = delete;
  FloorHold(FloorHold &&) = delete;
  FloorHold &operator=(FloorHold &&) = delete;
  ~FloorHold();

  void RenewIfDue();

private:
  void Renew();

  RedisConnection connection_;
  std::string key_;
  std::string name_;
  std::string floor_;
  std::chrono::steady_clock::time_point renewed_;
};

/// A name that no other process has.
std::string RandomName();

} // namespace itemize::sidecar
