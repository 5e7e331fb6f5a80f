#include "search/text/fragments.hpp"

#include <algorithm>
#include <set>

namespace itemize {

namespace {

bool StartsCharacter(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U; }

std::size_t Forward(std::string_view content, std::size_t at, std::size_t characters) {
  while (at < content.size() && characters > 0) {
    ++at;
    while (at < content.size() && !StartsCharacter(content[at]))
      ++at;
    --characters;
  }
  return at;
}

std::size_t Back(std::string_view content, std::size_t at, std::size_t characters) {
  while (at > 0 && characters > 0) {
    --at;
    while (at > 0 && !StartsCharacter(content[at]))
      --at;
    --characters;
  }
  return at;
}

/// The fragment around a first match, from the beginning of a word to the end of one.
Fragment Around(std::string_view content, const TextMatch &first, const std::vector<TextWord> &words) {
  Fragment fragment = {Back(content, first.begin, kFragmentLead), 0};
  fragment.end = Forward(content, fragment.begin, kFragmentCharacters);
  if (fragment.begin > 0) {
    auto const word = std::lower_bound(words.begin(), words.end(), fragment.begin,
                                       [](const TextWord &a, std::size_t begin) { return a.begin < begin; });
    fragment.begin = word == words.end() ? first.begin : std::min(word->begin, first.begin);
  }
  if (fragment.end < content.size()) {
    std::size_t end = 0;
    for (auto word = std::lower_bound(words.begin(), words.end(), fragment.begin,
                                      [](const TextWord &a, std::size_t begin) { return a.begin < begin; });
         word != words.end() && word->begin < fragment.end; ++word) {
      if (word->end <= fragment.end) end = std::max(end, word->end);
    }
    fragment.end = std::max(end, std::min(first.end, fragment.end));
  }
  return fragment;
}

bool Overlap(const Fragment &left, const Fragment &right) { return left.begin < right.end && right.begin < left.end; }

struct Candidate {
  Fragment fragment = {0, 0};
  std::size_t new_words = 0;
  std::size_t matches = 0;

  [[nodiscard]] bool IsBetterThan(const Candidate &other) const {
    return new_words != other.new_words ? new_words > other.new_words : matches > other.matches;
  }
};

/// What a fragment that begins around a match would show of words that were not shown yet.
Candidate Judge(std::string_view content, const std::vector<TextMatch> &matches, std::size_t first,
                const std::vector<TextWord> &words, const std::set<int> &shown) {
  Candidate candidate;
  candidate.fragment = Around(content, matches[first], words);
  std::set<int> seen;
  for (std::size_t i = first; i < matches.size() && matches[i].begin < candidate.fragment.end; ++i) {
    if (matches[i].end > candidate.fragment.end) continue;
    ++candidate.matches;
    if (shown.count(matches[i].word) == 0) seen.insert(matches[i].word);
  }
  candidate.new_words = seen.size();
  return candidate;
}

bool EndsWith(std::string_view whole, std::string_view end) {
  return whole.size() >= end.size() && whole.substr(whole.size() - end.size()) == end;
}

void AppendEscaped(std::string &html, char character) {
  switch (character) {
  case '&': html += "&amp;"; break;
  case '<': html += "&lt;"; break;
  case '>': html += "&gt;"; break;
  case '"': html += "&quot;"; break;
  case '\'': html += "&#39;"; break;
  default: html += character;
  }
}

} // namespace

std::vector<Fragment> ChooseFragments(std::string_view content, const std::vector<TextMatch> &matches,
                                      const std::vector<TextWord> &words, int at_most) {
  std::vector<Fragment> chosen;
  std::set<int> shown;
  while (static_cast<int>(chosen.size()) < std::min(at_most, kMaxFragmentsOfText)) {
    Candidate best;
    for (std::size_t i = 0; i < matches.size(); ++i) {
      Candidate const candidate = Judge(content, matches, i, words, shown);
      auto const overlaps = [&](const Fragment &other) { return Overlap(candidate.fragment, other); };
      if (std::any_of(chosen.begin(), chosen.end(), overlaps)) continue;
      if (candidate.new_words > 0 && candidate.IsBetterThan(best)) best = candidate;
    }
    if (best.new_words == 0) break;
    chosen.push_back(best.fragment);
    for (const TextMatch &match : matches) {
      if (match.begin >= best.fragment.begin && match.end <= best.fragment.end) shown.insert(match.word);
    }
  }
  std::sort(chosen.begin(), chosen.end(), [](const Fragment &a, const Fragment &b) { return a.begin < b.begin; });
  return chosen;
}

void AppendFragment(std::string &html, std::string_view content, const Fragment &fragment,
                    const std::vector<TextMatch> &matches) {
  if (fragment.begin > 0 && !EndsWith(html, "… ")) html += "… ";
  auto match = matches.begin();
  std::size_t marked_to = 0; // an open mark's end
  bool was_space = true;
  for (std::size_t at = fragment.begin; at < fragment.end; ++at) {
    if (marked_to != 0 && at >= marked_to) {
      html += "</mark>";
      marked_to = 0;
    }
    for (; match != matches.end() && match->begin <= at; ++match) {
      if (match->begin < at && match->begin < fragment.begin) continue;
      if (match->end <= at || match->end > fragment.end) continue;
      if (marked_to == 0) html += "<mark>";
      marked_to = std::max(marked_to, match->end);
    }
    auto const byte = static_cast<unsigned char>(content[at]);
    bool const is_space = byte <= ' ' || byte == 0x7F;
    if (is_space && !was_space) html += ' ';
    if (!is_space) AppendEscaped(html, content[at]);
    was_space = is_space;
  }
  if (marked_to != 0) html += "</mark>";
  if (fragment.end < content.size()) html += " …";
}

} // namespace itemize
