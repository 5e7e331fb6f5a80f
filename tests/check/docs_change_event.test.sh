#!/bin/bash
# The page on the change event names the kinds of lines that the header has, and the pieces that it shows are pieces:
# the header's own reader takes them, and their rows fit their member lengths.
# shellcheck source=tests/check/docs.sh
. "$(dirname "${BASH_SOURCE[0]}")/docs.sh"

page=docs/reference/change-event.md
expect_fit change_event
plant change_event $page '/^| `T` |/d' 'not documented: T'
plant change_event $page 's/^| `H` |/| `K` |/' 'not there: K'
plant change_event $page 's/format \*\*1\*\*/format **2**/' 'not about format 1'
plant change_event extension/include/itemize/change_event.hpp 's/{256} \* 1024/{512} * 1024/' 'at most 512 KB'

cat > "$copy/read_pieces.cpp" << 'CPP'
#include "itemize/change_event.hpp"
#include "itemize/row_members.hpp"

#include <iostream>
#include <iterator>

// Pieces on standard input, an empty line between two. Prints how many there were, or which is wrong.
int main() {
  const std::string all{std::istreambuf_iterator<char>(std::cin), {}};
  int count = 0;
  for (std::size_t at = 0; at < all.size();) {
    std::size_t end = all.find("\n\n", at);
    if (end == std::string::npos) end = all.size() - 1;
    const std::string piece = all.substr(at, end + 1 - at);
    at = end + 2;
    auto reader = itemize::PieceReader::Open(piece);
    itemize::Change change;
    bool fits = reader.has_value();
    while (fits && reader->Next(change)) {
      fits = change.row.empty() || itemize::SplitMembers(change.row, change.member_lengths).has_value();
    }
    if (!fits || !reader->ok()) {
      std::cerr << "this is no piece:\n" << piece;
      return 1;
    }
    ++count;
  }
  std::cout << count << '\n';
}
CPP
g++ -std=c++17 -I "$root/extension/include" -o "$copy/read_pieces" "$copy/read_pieces.cpp"

# The blocks that begin with a header line; those with an ellipsis are shortened.
shown() {
  awk '/^```/ { if (inside && block ~ /^B\t/ && block !~ /…/) printf "%s\n", block; inside = !inside; block = ""; next }
       inside { block = block $0 "\n" }' "$1"
}

pieces=$(shown "$root/$page" | "$copy/read_pieces")
if [ "$pieces" -lt 4 ]; then
  echo "only $pieces pieces are shown"
  exit 1
fi
if shown "$root/$page" | sed '0,/,36,/s//,37,/' | "$copy/read_pieces" 2> "$copy/reason"; then
  echo 'a wrong member length was not seen'
  exit 1
fi
grep -q 'no piece' "$copy/reason"
