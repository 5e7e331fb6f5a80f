// All keys of one installation in one Redis.
#pragma once

#include "redis/connection.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace itemize::sidecar {

/// Whether a key belongs to the prefix, and not to a longer prefix that begins with it, as `shop:blue` does with
/// `shop`.
bool BelongsToPrefix(std::string_view prefix, std::string_view key);

/// Calls `take` with the keys, a few hundred at a time, none of them held up for longer than a step of SCAN.
void ForEachKey(RedisConnection &connection, const std::string &prefix,
                const std::function<void(const std::vector<std::string> &)> &take);

} // namespace itemize::sidecar
