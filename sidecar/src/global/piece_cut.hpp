// A piece that is sent again with other bounds than before.
#pragma once

#include "itemize/change_event.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace itemize::sidecar {

/// Whether the first change of the piece, after which ordinals only rise, is up to this ordinal. True as well when that
/// line cannot be read.
inline bool BeginsUpTo(std::string_view piece, std::uint64_t ordinal) {
  piece.remove_prefix(std::min(piece.find('\n'), piece.size() - 1) + 1);
  const std::string_view line = piece.substr(0, piece.find('\n'));
  const std::size_t begin = line.find('\t') + 1;
  const auto number = ParseUint64(line.substr(begin, line.find('\t', begin) - begin));
  return !number || *number <= ordinal;
}

/// The piece without its changes up to this ordinal, which the stream has already; the same piece when it has none of
/// them. Everything else of it stays as it is.
inline std::string WithoutChangesUpTo(std::string_view piece, std::uint64_t ordinal) {
  std::string rest;
  rest.reserve(piece.size());
  while (!piece.empty()) {
    const std::string_view line = piece.substr(0, piece.find('\n') + 1);
    piece.remove_prefix(line.size());
    // Only the lines of header and trailer, whose second column is no ordinal, are kept unseen.
    const char kind = line.front();
    const bool frame = kind == 'B' || kind == 'C' || kind == 'P';
    const std::size_t begin = line.find('\t') + 1;
    const auto number = ParseUint64(line.substr(begin, line.find_first_of("\t\n", begin) - begin));
    if (frame || !number || *number > ordinal) rest += line;
  }
  return rest;
}

} // namespace itemize::sidecar
