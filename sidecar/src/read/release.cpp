#include "read/release.hpp"

#include "redis/connection.hpp"
#include "redis/keys.hpp"

namespace itemize::sidecar::read {

namespace {

/// Keys looked at in one step: well under a millisecond of Redis.
constexpr const char *kScanCount = "500";

} // namespace

std::uint64_t ReleaseItems(const Options &options, const std::string &type) {
  RedisConnection redis(ParseRedisUrl(options.local_redis));
  const Reply name_space = redis.Command({"HGET", LocalStateKey(options.prefix), LocalField::kNamespace});
  if (name_space.IsNil()) return 0;
  std::string pattern(name_space.Text());
  pattern += LocalNamespace::kItem;
  pattern += type.empty() ? "*" : type + ":*";
  std::uint64_t released = 0;
  std::string cursor = "0";
  do {
    const Reply reply = redis.Command({"SCAN", cursor, "MATCH", pattern, "COUNT", kScanCount});
    const ReplyView found = reply[1];
    if (found.size() > 0) {
      RedisArguments unlink = {"UNLINK"};
      for (std::size_t i = 0; i < found.size(); ++i)
        unlink.push_back(found[i].Text());
      released += static_cast<std::uint64_t>(redis.Command(unlink).Integer());
    }
    cursor = std::string(reply[0].Text());
  } while (cursor != "0");
  return released;
}

} // namespace itemize::sidecar::read
