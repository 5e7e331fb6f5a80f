#include "global/piece_lines.hpp"

#include "itemize/change_event.hpp"
#include "itemize/erasure.hpp"

#include <string>

namespace itemize::sidecar {
namespace {

/// Whether the message whose line begins at `at` tells of an erasure: M, ordinal, topic.
bool IsErasure(std::string_view piece, std::size_t at) {
  const std::size_t ordinal = piece.find('\t', at) + 1;
  const std::size_t topic = piece.find('\t', ordinal) + 1;
  return piece.compare(topic, kErasureTopic.size() + 1, std::string(kErasureTopic) + '\t') == 0;
}

} // namespace

SpecialLines FindSpecialLines(std::string_view piece) {
  SpecialLines lines;
  for (std::size_t at = piece.find('\n'); at + 1 < piece.size(); at = piece.find('\n', at + 1)) {
    lines.definitions = lines.definitions || piece[at + 1] == static_cast<char>(LineKind::kDefinition);
    lines.set_aside = lines.set_aside || piece[at + 1] == static_cast<char>(LineKind::kSetAside);
    lines.erasure =
        lines.erasure || (piece[at + 1] == static_cast<char>(LineKind::kMessage) && IsErasure(piece, at + 1));
  }
  return lines;
}

std::vector<TypeState> ReadTypes(std::string_view piece) {
  std::vector<TypeState> types;
  auto reader = PieceReader::Open(piece);
  Change change;
  while (reader && reader->Next(change)) {
    if (change.kind != LineKind::kDefinition) continue;
    types.push_back({std::string(change.type), std::to_string(change.generation) + ' ' + std::string(change.read)});
  }
  return types;
}

} // namespace itemize::sidecar
