// Walking over the keys of a Redis without keeping it busy.
#pragma once

#include "redis/connection.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace itemize::sidecar {

struct ScanStep {
  std::vector<std::string> keys;
  std::string cursor; ///< for the next step; "0" after the last
};

/// One step of SCAN, from cursor "0" on. Looks at about 500 keys: well under a millisecond of Redis. Each key that is
/// there all the time comes at least once.
inline ScanStep Scan(RedisConnection &connection, std::string_view cursor, std::string_view pattern) {
  const Reply reply = connection.Command({"SCAN", cursor, "MATCH", pattern, "COUNT", "500"});
  const ReplyView found = reply[1];
  ScanStep step;
  step.cursor = reply[0].Text();
  step.keys.reserve(found.size());
  for (std::size_t i = 0; i < found.size(); ++i)
    step.keys.emplace_back(found[i].Text());
  return step;
}

/// How many of the keys were there.
inline std::uint64_t Unlink(RedisConnection &connection, const std::vector<std::string> &keys) {
  if (keys.empty()) return 0;
  RedisArguments unlink = {"UNLINK"};
  unlink.insert(unlink.end(), keys.begin(), keys.end());
  return static_cast<std::uint64_t>(connection.Command(unlink).Integer());
}

} // namespace itemize::sidecar
