// The Lua script by which the local copy moves on: all that a batch of pieces changes, and the position
// reached, in one atomic step.
#pragma once

#include "redis/script.hpp"

namespace itemize::sidecar {

/// KEYS: P:local. ARGV: namespace, longest local stream, seconds an item lives, seconds a missing item
/// lives, most events of a fill; then for each piece: id, piece, xid, its commit LSN when its transaction is whole
/// with it (else empty), number of changes n, and n times:
///   kind, type, generation, key, offset of the row in the piece (from 1), end of the row, member lengths
/// (read access instead of a key in a definition; what a kind does not have is empty).
/// Returns {pieces applied, items and fills touched}. Error NOTNAMESPACE: the copy was begun anew.
const RedisScript &ApplyScript();

inline constexpr std::size_t kApplyArgumentsPerChange = 7;

} // namespace itemize::sidecar
