// A Lua script that runs atomically inside Redis.
#pragma once

#include "redis/connection.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace itemize::sidecar {

/// Immutable; may be shared between threads.
class RedisScript {
public:
  explicit RedisScript(std::string source);

  /// EVALSHA, and EVAL when Redis does not know the script (restarted, flushed). `meanwhile`, if there is one, is
  /// called when the command is on its way, and again about twice a millisecond until Redis answers. Throws as Command.
  Reply Run(RedisConnection &connection, const RedisArguments &keys, const RedisArguments &arguments,
            const std::function<void()> &meanwhile = {}) const;

  /// Makes the script known to the server, for a pipelined EVALSHA with sha1().
  void Load(RedisConnection &connection) const;
  [[nodiscard]] const std::string &sha1() const { return sha1_; }

private:
  std::string source_;
  std::string sha1_; ///< hexadecimal, lower case
};

} // namespace itemize::sidecar
