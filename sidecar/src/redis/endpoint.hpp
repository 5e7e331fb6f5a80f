// Where a Redis is: redis://[user:password@]host[:port][/database] or
// unix://[user:password@]/path/of/socket[?db=N].
#pragma once

#include <string>
#include <string_view>

namespace itemize::sidecar {

inline constexpr int kDefaultRedisPort = 6379;

struct RedisEndpoint {
  std::string host; ///< empty for a Unix socket
  int port = kDefaultRedisPort;
  std::string socket_path; ///< empty for TCP
  std::string user;        ///< empty: the default user
  std::string password;    ///< empty: no AUTH
  int database = 0;

  /// For logs: without user and password.
  [[nodiscard]] std::string Describe() const;
};

/// Throws ConfigError, whose text holds nothing of the URL but its scheme, when it is malformed.
RedisEndpoint ParseRedisUrl(std::string_view url);

/// The same URL with a password that was kept apart; before it the URL may hold `user@`. Throws ConfigError when it
/// holds a password already.
std::string WithRedisPassword(std::string_view url, std::string_view password);

} // namespace itemize::sidecar
