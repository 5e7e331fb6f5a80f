// What the read side does inside the local Redis, atomically. See redis/keys.hpp for the layout.
//
// Every script finds the namespace and the type's GEN by itself, so that one round trip is enough and
// no answer mixes two local copies. KEYS[1] is always P:local.
#pragma once

#include "redis/script.hpp"

namespace itemize::sidecar::read {

/// ARGV: type, item TTL in seconds, keys. Answers {} when there is no local copy yet, else
/// {namespace, epoch, applied, types value or nil, then for each key: row | 1 (known to be missing) | nil};
/// the keys only for a type that everyone may read.
extern const RedisScript kReadScript;

/// ARGV: type, marker TTL in milliseconds, token, keys. Sets a marker for each key that has none, which
/// is the lease to fill it. Answers {} as above, else {namespace, GEN, then for each key: 1 | 0 (another
/// fills it)}.
extern const RedisScript kFillBeginScript;

/// ARGV: type, namespace, GEN, token, snapshot, item TTL, missing TTL in seconds, then for each key four:
/// key, row ("" = missing), member lengths, generation. Applies the events that each marker collected
/// and the snapshot does not contain, and stores. Answers for each key: row | 1 (missing) | nil (retry:
/// the marker is gone, or the definition has changed, or an event cannot be merged).
extern const RedisScript kFillStoreScript;

/// ARGV: type, namespace, GEN, token, keys. Gives markers back after a failed fill.
extern const RedisScript kFillAbandonScript;

} // namespace itemize::sidecar::read
