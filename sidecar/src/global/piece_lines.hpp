// What the publisher has to know of a piece before it goes into the stream.
#pragma once

#include "global/stream_writer.hpp"

#include <string_view>
#include <vector>

namespace itemize::sidecar {

/// Which lines, besides changes of rows, a piece has. A row holds no raw newline, so the text tells.
struct SpecialLines {
  bool definitions = false;
  bool set_aside = false;
  bool erasure = false;
};

SpecialLines FindSpecialLines(std::string_view piece);

/// The definitions that a piece changes.
std::vector<TypeState> ReadTypes(std::string_view piece);

} // namespace itemize::sidecar
