// The change stream: pieces, fragments, and rows that are put together from two. The stream is our own, and still no
// byte of it may bring a reader down: a Redis can be written to by others.
#include "fuzz.hpp"

#include "itemize/change_event.hpp"
#include "itemize/key_text.hpp"
#include "itemize/row_members.hpp"

#include <string>

namespace {

using namespace itemize;

void CheckRow(std::string_view row, std::string_view lengths) {
  const auto members = SplitMembers(row, lengths);
  if (!members || members->empty()) return;
  const auto merged = MergeRow(row, lengths, row, lengths);
  const bool whole = !HasAbsentMembers(lengths);
  fuzz::Require(!whole || row == "{}" || (merged && merged->row == row), "a row over itself is itself");
}

void CheckPiece(std::string_view piece) {
  auto reader = PieceReader::Open(piece);
  if (!reader) return;
  Change change;
  while (reader->Next(change)) {
    CheckRow(change.row, change.member_lengths);
    (void)SplitMembers(change.key, change.member_lengths);
  }
  const auto bounds = ReadPieceBounds(piece);
  if (!reader->ok() || reader->header().heartbeat || !bounds) return;
  fuzz::Require(bounds->version == reader->version(), "a piece's bounds are those of its changes");
  fuzz::Require(bounds->complete == reader->complete(), "and it ends a transaction by either");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  const std::string_view text = fuzz::TextOf(data, size);
  CheckPiece(text);
  FragmentAssembler assembler;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\0'), rest.size());
    std::string_view piece;
    if (assembler.Add(rest.substr(0, end), piece) == FragmentAssembler::Result::kPiece) CheckPiece(piece);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return 0;
}
