#include "redis/longest_value.hpp"

#include "itemize/lsn.hpp"

#include <algorithm>
#include <optional>
#include <string_view>

namespace itemize::sidecar {
namespace {

/// What a setting of Redis allows, in bytes; nothing where CONFIG is not for us.
std::optional<std::size_t> ReadLimit(RedisConnection &connection, std::string_view setting) {
  try {
    const Reply reply = connection.Command({"CONFIG", "GET", setting});
    if (reply.size() == 2) return ParseUint64(reply[1].Text());
  } catch (const RedisReplyError &) { // NOLINT(bugprone-empty-catch): then it has its default, most likely
  }
  return std::nullopt;
}

} // namespace

std::size_t ReadLongestValue(RedisConnection &connection) {
  constexpr std::size_t kDefault = std::size_t{512} << 20U;
  /// What a call of the script needs beside the value, with room to spare.
  constexpr std::size_t kBesideValue = std::size_t{256} << 10U;
  const std::size_t limit = std::min(ReadLimit(connection, "proto-max-bulk-len").value_or(kDefault),
                                     ReadLimit(connection, "client-query-buffer-limit").value_or(2 * kDefault));
  return limit - std::min(limit, kBesideValue);
}

} // namespace itemize::sidecar
