// What a Redis takes in one value.
#pragma once

#include "redis/connection.hpp"

#include <cstddef>

namespace itemize::sidecar {

/// Bytes of the longest value that a script's call can carry, by the server's settings as of now (proto-max-bulk-len
/// and client-query-buffer-limit), or their defaults where CONFIG is not for us; less what the call needs beside it.
std::size_t ReadLongestValue(RedisConnection &connection);

} // namespace itemize::sidecar
