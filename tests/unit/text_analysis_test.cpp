// How texts are cut into words, and what forms of them are kept.
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "search/text/tokenizer.hpp"
#include "search/text/word_forms.hpp"

namespace itemize {
namespace {

/// `word@position`, joined forms as `(word)@position`, a space between.
std::string Cut(std::string_view content) {
  std::string cut;
  Tokenizer tokenizer(content);
  Token token;
  while (tokenizer.Next(token)) {
    std::string const word(content.substr(token.begin, token.end - token.begin));
    bool const is_plain = token.kind != TokenKind::kJoined;
    if (!cut.empty()) cut += ' ';
    cut += (is_plain ? word : "(" + word + ")") + "@" + std::to_string(token.position);
  }
  return cut;
}

std::string Plain(std::string_view word, bool is_turkic = false) {
  WordBuffer plain;
  MakePlainForm(word, is_turkic, plain);
  return std::string(plain.view());
}

std::string Folded(std::string_view word, bool is_turkic = false) {
  WordBuffer folded;
  MakeFoldedForm(Plain(word, is_turkic), folded);
  return std::string(folded.view());
}

std::vector<std::string> Numbers(std::string_view number) {
  WordBuffer forms[kMaxNumberForms];
  int const count = MakeNumberForms(number, forms);
  std::vector<std::string> result;
  result.reserve(kMaxNumberForms);
  for (int i = 0; i < count; ++i)
    result.emplace_back(forms[i].view());
  return result;
}

TEST(TextAnalysis, WordsStandWhereTheyStand) {
  EXPECT_EQ(Cut("Sea view, near (the) beach!"), "Sea@1 view@2 near@3 the@4 beach@5");
  EXPECT_EQ(Cut(""), "");
  EXPECT_EQ(Cut(" \t… — *** "), "");
}

TEST(TextAnalysis, PartsOfAWordAreFoundAndTheWhole) {
  EXPECT_EQ(Cut("an e-mail now"), "an@1 e@2 mail@3 (e-mail)@2 now@4");
  EXPECT_EQ(Cut("l’hôtel"), "l@1 hôtel@2 (l’hôtel)@1");
  EXPECT_EQ(Cut("п'ять"), "п@1 ять@2 (п'ять)@1");
  EXPECT_EQ(Cut("R&B foo_bar"), "R@1 B@2 (R&B)@1 foo@3 bar@4 (foo_bar)@3");
  EXPECT_EQ(Cut("the U.S.A. is"), "the@1 U@2 S@3 A@4 (U.S.A)@2 is@5");
  EXPECT_EQ(Cut("- dash -- and 'quoted'"), "dash@1 and@2 quoted@3");
  EXPECT_EQ(Cut("john.doe@example.com"), "john@1 doe@2 example@3 com@4");
  EXPECT_EQ(Cut("https://example.com/a?b=1"), "https@1 example@2 com@3 a@4 b@5 1@6");
  // A soft hyphen is no part of the word, and does not end it.
  EXPECT_EQ(Plain("Ferien\u00ADwohnung"), "ferienwohnung");
  EXPECT_EQ(Cut("Ferien\u00ADwohnung"), "Ferien\u00ADwohnung@1");
}

TEST(TextAnalysis, NumbersKeepTheirSigns) {
  EXPECT_EQ(Cut("3,5 rooms 1,234.50 end."), "3,5@1 rooms@2 1,234.50@3 end@4");
  EXPECT_EQ(Cut("04.03.2021 x"), "04@1 03@2 2021@3 04.03.2021@1 x@4");
  EXPECT_EQ(Cut("1.5kg"), "1.5@1 kg@2");
  EXPECT_EQ(Cut("2021-03-04"), "2021@1 03@2 04@3 (2021-03-04)@1");
  EXPECT_EQ(Numbers("3,5"), (std::vector<std::string>{"3.5"}));
  EXPECT_EQ(Numbers("1,234.50"), (std::vector<std::string>{"1.234.50", "1234.50"}));
  EXPECT_EQ(Numbers("1.234.567"), (std::vector<std::string>{"1.234.567", "1234567"}));
  EXPECT_EQ(Numbers("1,000"), (std::vector<std::string>{"1.000", "1000"}));
  EXPECT_EQ(Numbers("٣٫٥"), (std::vector<std::string>{"3.5"}));
}

TEST(TextAnalysis, ScriptsWithoutSpacesAreCutIntoPairs) {
  EXPECT_EQ(Cut("東京タワー"), "東京@1 京タ@2 タワ@3 ワー@4 ー@5");
  EXPECT_EQ(Cut("東"), "東@1");
  EXPECT_EQ(Cut("iPhoneを買う"), "iPhone@1 を買@2 買う@3 う@4");
  EXPECT_EQ(Cut("사람은 법"), "사람@1 람은@2 은@3 법@4");
  // Vowel and tone marks belong to their consonant.
  EXPECT_EQ(Cut("ที่ดี"), "ที่ดี@1 ดี@2");
  EXPECT_EQ(Cut("मानव अधिकारों"), "मानव@1 अधिकारों@2");
}

TEST(TextAnalysis, WidthAndCaseDoNotMatter) {
  EXPECT_EQ(Plain("Ｈｏｔｅｌ"), "hotel");
  EXPECT_EQ(Plain("ﾄｳｷｮｳ"), "トウキョウ");
  EXPECT_EQ(Plain("ｶﾞ"), "ガ");
  EXPECT_EQ(Plain("٢٠٢١"), "2021");
  EXPECT_EQ(Plain("m²"), "m2");
  EXPECT_EQ(Plain("ΟΔΟΣ"), "οδοσ");
  EXPECT_EQ(Folded("οδός"), "οδοσ");
  EXPECT_EQ(Plain("STRASSE"), "strasse");
  EXPECT_EQ(Plain("Straße"), "straße");
  EXPECT_EQ(Folded("Straße"), "strasse");
}

TEST(TextAnalysis, AccentsAreFolded) {
  EXPECT_EQ(Folded("Crème BRÛLÉE"), "cremebrulee");
  EXPECT_EQ(Folded("Łódź"), "lodz");
  EXPECT_EQ(Folded("smørrebrød"), "smorrebrod");
  EXPECT_EQ(Folded("Ægir þing Đuro"), "aegirthingduro");
  EXPECT_EQ(Folded("đường"), "duong");
  EXPECT_EQ(Folded("е\u0301ж ёж"), "ежеж");
  EXPECT_EQ(Folded("הַבַּיִת"), "הבית");
  EXPECT_EQ(Folded("أَهْلاً"), "اهلا");
  EXPECT_EQ(Folded("e\u0301"), Folded("é"));
  // Marks that make another letter stay.
  EXPECT_EQ(Folded("が"), "が");
  EXPECT_EQ(Folded("क़"), Folded("क\u093C"));
  EXPECT_NE(Folded("क़"), Folded("क"));
}

TEST(TextAnalysis, TurkishHasTwoLettersI) {
  EXPECT_EQ(Plain("IŞIK", true), "ışık");
  EXPECT_EQ(Plain("İSTANBUL", true), "istanbul");
  EXPECT_EQ(Plain("HI", false), "hi");
  EXPECT_EQ(Folded("IŞIK", true), "isik");
  EXPECT_EQ(Folded("İstanbul", false), "istanbul");
}

TEST(TextAnalysis, WhatIsTooLongIsNoWord) {
  EXPECT_EQ(Plain(std::string(kMaxWordBytes, 'a')).size(), kMaxWordBytes);
  EXPECT_EQ(Plain(std::string(kMaxWordBytes + 1, 'a')), "");
  std::string accents = "e";
  for (int i = 0; i < 2000; ++i)
    accents += "\u0301";
  EXPECT_EQ(Plain(accents), "");
  EXPECT_EQ(Cut(std::string(200, 'a') + "-b"), std::string(200, 'a') + "@1 b@2");
}

TEST(TextAnalysis, AnyBytesAreCut) {
  std::mt19937 random(20);
  std::uniform_int_distribution<int> byte(0, 255);
  std::uniform_int_distribution<int> length(0, 40);
  for (int round = 0; round < 20000; ++round) {
    std::string content(static_cast<std::size_t>(length(random)), ' ');
    for (char &character : content)
      character = static_cast<char>(byte(random));
    Tokenizer tokenizer(content);
    Token token;
    while (tokenizer.Next(token)) {
      ASSERT_LT(token.begin, token.end);
      ASSERT_LE(token.end, content.size());
      ASSERT_GE(token.position, 1U);
      ASSERT_LE(token.position, tokenizer.position());
      std::string const word = content.substr(token.begin, token.end - token.begin);
      ASSERT_LE(Folded(word).size(), kMaxWordBytes);
      WordBuffer forms[kMaxNumberForms];
      ASSERT_LE(MakeNumberForms(word, forms), kMaxNumberForms);
    }
  }
}

TEST(TextAnalysis, AMegabyteIsCut) {
  for (std::string const piece : {"word ", "a-", "1.", "東", "é", "\xFF", "e\u0301\u0301\u0301", "a."}) {
    std::string content;
    while (content.size() < 1000000)
      content += piece;
    Tokenizer tokenizer(content);
    Token token;
    std::size_t last_end = 0;
    while (tokenizer.Next(token))
      last_end = std::max(last_end, token.end);
    EXPECT_LE(last_end, content.size());
    EXPECT_TRUE(piece == "\xFF" || last_end + 8 > content.size()) << piece << " " << last_end;
  }
}

} // namespace
} // namespace itemize
