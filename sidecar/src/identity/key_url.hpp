// The URL of a key set, and what is fetched from it.
#pragma once

#include "base/stop_token.hpp"

#include <chrono>
#include <string>

namespace itemize::sidecar::identity {

/// Throws ConfigError unless `url` is an https:// URL of a host that can be asked, or an http:// URL of this machine.
void CheckKeyUrl(const std::string &url);

/// From the name's resolution to the last byte.
inline constexpr std::chrono::milliseconds kKeyUrlTimeout{6000};

/// Its body, of at most kMostJwksBytes, by way of no proxy and no redirection. Throws ConfigError like CheckKeyUrl,
/// Error when it cannot be had in time, and Stopped within about a second of a stop.
[[nodiscard]] std::string FetchKeyUrl(const std::string &url, const StopToken &stop,
                                      std::chrono::milliseconds timeout = kKeyUrlTimeout);

} // namespace itemize::sidecar::identity
