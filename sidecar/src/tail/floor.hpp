// What a reader still needs of the global stream, told to whoever trims it (P:{E}:groups).
#pragma once

#include "local/stream_reader.hpp"
#include "options.hpp"
#include "redis/connection.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace itemize::sidecar {

/// While it lives and is renewed, the stream is kept from `floor` on, within its hard limits: for as long as a copy of
/// rows takes, and what it must still read behind it.
class FloorHold {
public:
  /// Throws RedisError.
  FloorHold(const Options &options, const Epoch &epoch, const Version &floor);
  FloorHold(const FloorHold &) = delete;
  FloorHold &operator=(const FloorHold &) = delete;
  FloorHold(FloorHold &&) = delete;
  FloorHold &operator=(FloorHold &&) = delete;
  ~FloorHold();

  /// What is before `floor` has been read. Told with the next renewal.
  void MoveTo(const Version &floor) { floor_ = floor; }
  /// Throws RedisError; the next call connects anew.
  void RenewIfDue();

private:
  void Renew();

  RedisEndpoint endpoint_;
  std::optional<RedisConnection> connection_;
  std::string key_;
  std::string name_;
  Version floor_;
  std::chrono::steady_clock::time_point renewed_;
};

/// A name that no other process has.
std::string RandomName();

} // namespace itemize::sidecar
