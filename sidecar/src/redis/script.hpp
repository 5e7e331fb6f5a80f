// A Lua script that runs atomically inside Redis.
#pragma once

#include "redis/connection.hpp"

#include <string>
#include <string_view>

namespace itemize::sidecar {

/// Immutable; may be shared between threads.
class RedisScript {
public:
  explicit RedisScript(std::string source);

  /// EVALSHA, and EVAL when Redis does not know the script (restarted, flushed). Throws as Command.
  Reply Run(RedisConnection &connection, const RedisArguments &keys, const RedisArguments &arguments) const;

  /// Makes the script known to the server, for a pipelined EVALSHA with sha1().
  void Load(RedisConnection &connection) const;
  [[nodiscard]] const std::string &sha1() const { return sha1_; }

private:
  std::string source_;
  std::string sha1_; ///< hexadecimal, lower case
};

} // namespace itemize::sidecar
