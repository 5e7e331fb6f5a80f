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

private:
  std::string source_;
  std::string sha1_; ///< hexadecimal, lower case
};

} // namespace itemize::sidecar
