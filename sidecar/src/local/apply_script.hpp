// The Lua script by which the local copy moves on: all that a batch of pieces changes, and the position
// reached, in one atomic step.
#pragma once

#include "redis/script.hpp"

namespace itemize::sidecar {

/// KEYS: P:local. ARGV: namespace; the version that must have been reached before; the LSN up to which transactions are
/// whole with this batch, or empty; most entries and most bytes of the local stream; seconds an item lives; seconds a
/// missing item lives; most events of a fill; the changes, packed; number of subjects n, and n times: type, generation;
/// then for each entry of the local stream (see LocalNamespace::Stream): id, index of its pieces, their text.
///
/// A packed change, little-endian, places in its entry's text counted from 1: flag (8 bits: 1 the piece ends with it, 3
/// and the entry, too, 2 the batch ends inside the piece, else 0), kind (a letter: I or U with all members: U; with
/// absent ones: u; E: an erasure), subject (32), ordinal (64), first byte of its piece, first and last byte of the key
/// (of the read access in a definition), last byte of the row and of the member lengths (32 each). Row and lengths
/// follow the key, a TAB before each. A piece with an erasure, or of which a batch has a part, is the last of its entry
/// or has one of its own.
///
/// Returns {pieces applied, items and fills touched, merged rows, rows that could not be merged, entries and bytes of
/// the local stream}. Error NOTNAMESPACE: the copy was begun anew; NOTREACHED: what comes before this batch is missing.
const RedisScript &ApplyScript();

} // namespace itemize::sidecar
