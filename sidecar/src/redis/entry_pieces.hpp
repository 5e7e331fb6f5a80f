// The pieces of an entry of a stream: one in the global stream, one or several in a local one.
#pragma once

#include "itemize/lsn.hpp"
#include "redis/reply.hpp"

#include <string_view>
#include <vector>

namespace itemize::sidecar {

struct EntryPiece {
  Version id;
  std::string_view text; ///< valid as long as the reply
};

/// Of an entry as XRANGE gives it, see GlobalKeys and LocalNamespace::Stream. Empty when it is not ours or its index
/// does not fit its text.
[[nodiscard]] std::vector<EntryPiece> PiecesOfEntry(const ReplyView &entry);

} // namespace itemize::sidecar
