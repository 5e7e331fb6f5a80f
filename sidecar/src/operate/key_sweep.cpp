#include "operate/key_sweep.hpp"

#include "redis/scan.hpp"

#include <algorithm>
#include <utility>

namespace itemize::sidecar {

bool BelongsToPrefix(std::string_view prefix, std::string_view key) {
  if (key.size() <= prefix.size() + 1 || key.substr(0, prefix.size()) != prefix || key[prefix.size()] != ':') {
    return false;
  }
  const std::string_view rest = key.substr(prefix.size() + 1);
  return rest.front() == '{' || rest.find(':') == std::string_view::npos;
}

void ForEachKey(RedisConnection &connection, const std::string &prefix,
                const std::function<void(const std::vector<std::string> &)> &take) {
  // Of what a prefix may hold, only the dot and the dash stand for themselves in a pattern as well: nothing to escape.
  const std::string pattern = prefix + ":*";
  std::string cursor = "0";
  do {
    ScanStep step = Scan(connection, cursor, pattern);
    const auto others = std::remove_if(step.keys.begin(), step.keys.end(),
                                       [&](const std::string &key) { return !BelongsToPrefix(prefix, key); });
    step.keys.erase(others, step.keys.end());
    cursor = std::move(step.cursor);
    if (!step.keys.empty()) take(step.keys);
  } while (cursor != "0");
}

} // namespace itemize::sidecar
