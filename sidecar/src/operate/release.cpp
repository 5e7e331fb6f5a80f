#include "operate/release.hpp"

#include "redis/connection.hpp"
#include "redis/endpoint.hpp"
#include "redis/keys.hpp"
#include "redis/scan.hpp"

#include <utility>

namespace itemize::sidecar {

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
    ScanStep step = Scan(redis, cursor, pattern);
    released += Unlink(redis, step.keys);
    cursor = std::move(step.cursor);
  } while (cursor != "0");
  return released;
}

} // namespace itemize::sidecar
