// Excerpts: which part of a text is shown, and that it is shown as text.
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "search/text/fragments.hpp"
#include "search/text/tokenizer.hpp"

namespace itemize {
namespace {

/// The excerpt of a text in which the given words match.
std::string Excerpt(std::string_view content, const std::vector<std::string> &matching, int at_most = 2) {
  std::vector<TextMatch> matches;
  std::vector<TextWord> words;
  Tokenizer tokenizer(content);
  Token token;
  while (tokenizer.Next(token)) {
    if (token.kind == TokenKind::kJoined) continue;
    std::string const word(content.substr(token.begin, token.end - token.begin));
    words.push_back({token.begin, token.end});
    for (std::size_t i = 0; i < matching.size(); ++i) {
      if (word == matching[i]) matches.push_back({token.begin, token.end, static_cast<int>(i)});
    }
  }
  std::string html;
  for (const Fragment &fragment : ChooseFragments(content, matches, words, at_most))
    AppendFragment(html, content, fragment, matches);
  return html;
}

std::string Filler(int words) {
  std::string filler;
  for (int i = 0; i < words; ++i)
    filler += "filler ";
  return filler;
}

TEST(Fragments, AShortTextIsShownWhole) {
  EXPECT_EQ(Excerpt("A sea view", {"sea"}), "A <mark>sea</mark> view");
  EXPECT_EQ(Excerpt("A sea view", {"lake"}), "");
}

TEST(Fragments, TextIsEscaped) {
  EXPECT_EQ(Excerpt("<b>sea</b> & \"view\" 'x'\n\n\tend\x01", {"sea", "view"}),
            "&lt;b&gt;<mark>sea</mark>&lt;/b&gt; &amp; &quot;<mark>view</mark>&quot; &#39;x&#39; end ");
}

TEST(Fragments, ALongTextIsCutAtWords) {
  std::string const shown = Excerpt(Filler(100) + "sea " + Filler(100), {"sea"});
  EXPECT_EQ(shown.substr(0, 10), "… filler");
  EXPECT_NE(shown.find("filler <mark>sea</mark> filler"), std::string::npos);
  EXPECT_EQ(shown.substr(shown.size() - 10), "filler …");
  EXPECT_LT(shown.size(), 250U);
}

TEST(Fragments, MostWordsTogetherAreBest) {
  std::string const text = Filler(50) + "sea one " + Filler(50) + "sea view two " + Filler(50);
  std::string const shown = Excerpt(text, {"sea", "view"});
  EXPECT_EQ(shown.find("one"), std::string::npos);
  EXPECT_NE(shown.find("<mark>sea</mark> <mark>view</mark> two"), std::string::npos);
}

TEST(Fragments, ASecondFragmentShowsOtherWords) {
  std::string const text = Filler(50) + "view " + Filler(50) + "sea " + Filler(50);
  std::string const shown = Excerpt(text, {"sea", "view"});
  EXPECT_NE(shown.find("<mark>view</mark>"), std::string::npos);
  EXPECT_NE(shown.find("<mark>sea</mark>"), std::string::npos);
  EXPECT_EQ(Excerpt(text, {"sea", "view"}, 1).find("<mark>sea</mark>"), std::string::npos);
}

TEST(Fragments, OverlappingMatchesAreOneMark) {
  std::string const text = "東京都";
  std::vector<TextMatch> const matches = {{0, 6, 0}, {3, 9, 1}};
  std::string html;
  AppendFragment(html, text, {0, text.size()}, matches);
  EXPECT_EQ(html, "<mark>東京都</mark>");
}

} // namespace
} // namespace itemize
