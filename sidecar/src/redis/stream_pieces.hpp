// Reading pieces of a stream with a bound in bytes, which Redis' own commands do not have.
#pragma once

#include "redis/script.hpp"

namespace itemize::sidecar {

/// KEYS: stream; ARGV: id before the first entry, last id ('+': none), 'head' for the first lines of the pieces only or
/// empty, most entries (not given: 200). Returns entries as XRANGE does, empty only when there is none: up to so many,
/// and none more once they have a megabyte. Four are looked at together, so small ones followed by large ones make an
/// answer of a megabyte and four large pieces at most; the first is looked at alone, so that in a run of large ones an
/// answer is one piece.
const RedisScript &StreamPiecesScript();

} // namespace itemize::sidecar
