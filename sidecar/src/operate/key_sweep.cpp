#include "operate/key_sweep.hpp"

namespace itemize::sidecar {
namespace {

/// Keys looked at in one step: well under a millisecond of Redis.
constexpr const char *kScanCount = "500";

} // namespace

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
    const Reply reply = connection.Command({"SCAN", cursor, "MATCH", pattern, "COUNT", kScanCount});
    const ReplyView found = reply[1];
    std::vector<std::string> keys;
    for (std::size_t i = 0; i < found.size(); ++i) {
      if (BelongsToPrefix(prefix, found[i].Text())) keys.emplace_back(found[i].Text());
    }
    cursor = std::string(reply[0].Text());
    if (!keys.empty()) take(keys);
  } while (cursor != "0");
}

} // namespace itemize::sidecar
