// What the read side does inside the local Redis, atomically. See redis/keys.hpp for the layout.
//
// Every script finds the namespace and the type's GEN by itself, so that one round trip is enough and
// no answer mixes two local copies. KEYS[1] is always P:local.
#pragma once

#include "redis/script.hpp"

namespace itemize::sidecar::read {

/// ARGV: type, item TTL in seconds, stamp for rows that have none ("" = none wanted), then for each key two: key, stamp
/// of the row that is known ("" = none). Answers {} when there is no local copy yet, else
/// {namespace, epoch, applied, server or nil, complete, types value or nil, then for each key: row | {row, stamp} |
/// 1 (known to be missing) | 2 (the row is the one known) | nil}; the keys only for a type that somebody may read.
extern const RedisScript kReadScript;

/// ARGV: item TTL in seconds, then for each item three: type, key, stamp. Answers {} as above, else {epoch, applied,
/// server or nil, one character for each: 1 when the row is still the one of that stamp, and everyone may read it}.
extern const RedisScript kCheckScript;

/// ARGV: type, marker TTL in milliseconds, lease in milliseconds, token, keys. Sets a marker for each key that has
/// none, which is the right to fill it. Answers {} as above, else {namespace, GEN, epoch, then for each key: the token
/// of the marker to use | nil (another fills it)}.
extern const RedisScript kFillBeginScript;

/// KEYS[2]: AwaitedKey. ARGV: type, namespace, GEN, then of what the rows are: snapshot, "", end of the primary's
/// WAL; or, from a standby, "", replayed LSN, ""; item TTL, missing TTL in seconds, then for each key five: key, token,
/// row ("" = missing), member lengths, generation. Applies the events that each marker collected and the rows do not
/// contain, and stores. Answers for each key: row | 1 (missing) | nil (retry: the marker is gone, or the definition has
/// changed, or an event cannot be merged). A standby's rows are not stored and the markers stay when it answers 'early'
/// (the stream has not come as far: try again soon) or 'old' (ask the primary).
extern const RedisScript kFillStoreScript;

/// ARGV: type, keys. For an answer that cannot be stored and may be newer than what is held or being filled: that must
/// not be shown after it. Needs no memory.
extern const RedisScript kForgetScript;

/// ARGV: type. The same for all keys of the type. Needs no memory.
extern const RedisScript kForgetTypeScript;

/// ARGV: type, namespace, GEN, token, keys. Gives markers back after a failed fill.
extern const RedisScript kFillAbandonScript;

/// ARGV: a stamp, then for each item two: type, key. Puts the stamp on rows that have none. Answers {} as above, else
/// {namespace, epoch, applied, server or nil, then for each: {row, its stamp} | nil (not held, or no memory left)}.
extern const RedisScript kStampScript;

/// ARGV: namespace, path, item TTL in seconds, body, content type, entity tag, items as PageField::kItems has them.
/// Stores the page if they are still those: 1, else 0.
extern const RedisScript kPageStoreScript;

/// ARGV: path, item TTL in seconds. Answers {} as above, else {epoch, applied, server or nil, complete LSN}, and then,
/// if the page stands: body, content type, entity tag, items, {the rules of their types}, {rule, row, … of each item by
/// a rule of owners}.
extern const RedisScript kPageFindScript;

/// ARGV: path. How many there were.
extern const RedisScript kPageRemoveScript;

} // namespace itemize::sidecar::read
