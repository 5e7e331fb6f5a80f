// The words of order_by.
#include "search/order_words.hpp"

#include <gtest/gtest.h>

namespace itemize {
namespace {

std::string Written(std::string_view text) {
  const OrderWords words = ParseOrderWords(text);
  if (!words.problem.empty()) return "! " + words.problem;
  std::string written;
  for (const OrderWord &word : words.items) {
    written += "[" + word.name + "]";
    if (word.descending) written += *word.descending ? "desc" : "asc";
    if (word.nulls_first) written += *word.nulls_first ? "first" : "last";
  }
  return written;
}

TEST(OrderWords, AreNamesWithModifiers) {
  EXPECT_EQ(Written("price"), "[price]");
  EXPECT_EQ(Written("price.desc,changed.asc"), "[price]desc[changed]asc");
  EXPECT_EQ(Written("price.desc.nullsfirst"), "[price]descfirst");
  EXPECT_EQ(Written("price.nullslast"), "[price]last");
  EXPECT_EQ(Written("  price . desc ,\n key "), "[price]desc[key]");
  EXPECT_EQ(Written("größe.desc"), "[größe]desc");
}

TEST(OrderWords, QuotedNamesHoldAnything) {
  EXPECT_EQ(Written(R"("a.b, ""c""".desc)"), R"([a.b, "c"]desc)");
  EXPECT_EQ(Written(R"("open)"), "! a name is missing");
}

TEST(OrderWords, SayWhatIsWrong) {
  EXPECT_EQ(Written(""), "! a name is missing");
  EXPECT_EQ(Written("price,"), "! a name is missing");
  EXPECT_EQ(Written(",price"), "! a name is missing");
  EXPECT_EQ(Written("price.down"), "! \"down\" after \"price\" is not understood");
  EXPECT_EQ(Written("price.desc.asc"), "! \"asc\" after \"price\" is not understood");
  EXPECT_EQ(Written("price.nullslast.desc"), "! \"desc\" after \"price\" is not understood");
  EXPECT_EQ(Written("price desc"), "! \"desc\" is not understood");
  EXPECT_EQ(Written("a,b,c,d,e,f,g,h,i"), "! more than 8 sort items");
}

TEST(OrderWords, ShowLongTextsShortened) {
  const std::string problem = ParseOrderWords("a." + std::string(40, 'x') + std::string(400, '\xC3') + "\xA4").problem;
  EXPECT_LT(problem.size(), 120U);
}

} // namespace
} // namespace itemize
