#include "redis/entry_pieces.hpp"

#include "redis/keys.hpp"

#include <algorithm>
#include <optional>

namespace itemize::sidecar {
namespace {

/// The word at the front, which it takes off with the space behind it.
std::string_view TakeWord(std::string_view &words) {
  const std::string_view word = words.substr(0, words.find(' '));
  words.remove_prefix(std::min(words.size(), word.size() + 1));
  return word;
}

std::vector<EntryPiece> Split(std::string_view index, std::string_view text) {
  std::vector<EntryPiece> pieces;
  while (!index.empty()) {
    const auto id = ParseVersion(TakeWord(index));
    const auto bytes = ParseUint64(TakeWord(index));
    if (!id || !bytes || *bytes > text.size()) return {};
    pieces.push_back({*id, text.substr(0, *bytes)});
    text.remove_prefix(*bytes);
  }
  if (!text.empty()) return {};
  return pieces;
}

} // namespace

std::vector<EntryPiece> PiecesOfEntry(const ReplyView &entry) {
  const auto id = ParseVersion(entry[0].Text());
  const ReplyView fields = entry[1];
  std::optional<std::string_view> text;
  std::optional<std::string_view> index;
  for (std::size_t field = 0; field + 1 < fields.size(); field += 2) {
    if (fields[field].Text() == kPieceField) text = fields[field + 1].Text();
    if (fields[field].Text() == kIndexField) index = fields[field + 1].Text();
  }
  if (!id || !text) return {};
  if (!index) return {{*id, *text}};
  return Split(*index, *text);
}

} // namespace itemize::sidecar
