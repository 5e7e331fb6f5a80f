// Dropping what a cluster holds: for a change of its size, or of what it is used for.
#pragma once

#include "options.hpp"

#include <cstdint>
#include <string>

namespace itemize::sidecar {

/// Removes the held items of a type, or of all types when it is empty, from the local Redis, and says how many. Safe at
/// any time, as if Redis had evicted them: what is asked for again is filled again. Throws RedisError.
std::uint64_t ReleaseItems(const Options &options, const std::string &type);

} // namespace itemize::sidecar
