// Excerpts of a text around what matched in it, as HTML. Plain C++.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace itemize {

/// Characters of one fragment, and of these at most before its first match.
inline constexpr std::size_t kFragmentCharacters = 160;
inline constexpr std::size_t kFragmentLead = 40;
/// Fragments of one text, and of all texts of a row.
inline constexpr int kMaxFragmentsOfText = 2;
inline constexpr int kMaxFragments = 3;

/// Something in a text that a query's word matches; bytes.
struct TextMatch {
  std::size_t begin, end;
  int word; ///< equal for matches of the same word
};

/// Where a fragment may begin and end.
struct TextWord {
  std::size_t begin, end;
};

struct Fragment {
  std::size_t begin, end;
};

/// The fragments with most different words, in the order of the text; a further one only for words that the first has
/// not. `matches` and `words` in the order of their beginnings.
std::vector<Fragment> ChooseFragments(std::string_view content, const std::vector<TextMatch> &matches,
                                      const std::vector<TextWord> &words, int at_most);

/// Appends a fragment: escaped, white space and control characters as single spaces, matches in <mark>.
void AppendFragment(std::string &html, std::string_view content, const Fragment &fragment,
                    const std::vector<TextMatch> &matches);

} // namespace itemize
