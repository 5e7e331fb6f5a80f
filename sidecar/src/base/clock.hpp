// Times that are compared with those of servers: Unix time, by this machine's clock.
#pragma once

#include <chrono>
#include <cstdint>

namespace itemize::sidecar {

inline std::uint64_t UnixSeconds() {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count());
}

/// Seconds from a time in microseconds since 1970 to now.
inline double SecondsSince(std::int64_t unix_microseconds) {
  const auto now =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch());
  return static_cast<double>(now.count() - unix_microseconds) / 1e6;
}

} // namespace itemize::sidecar
