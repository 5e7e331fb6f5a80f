// The query language: what a visitor typed, as a tree.
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "search/text/query_syntax.hpp"

namespace itemize {
namespace {

const std::vector<std::string> &Fields() {
  static const std::vector<std::string> fields = {"name", "Description"};
  return fields;
}

std::string Write(std::string_view query, const QuerySyntax &syntax, int node) {
  if (node == QuerySyntax::kNothing) return "nothing";
  const QueryNode &at = syntax.nodes[static_cast<std::size_t>(node)];
  if (at.kind == QueryNodeKind::kWords) {
    std::string words(query.substr(at.begin, at.end - at.begin));
    if (at.is_quoted) words = "\"" + words + "\"";
    return at.field == QueryNode::kAnyField ? words : Fields()[static_cast<std::size_t>(at.field)] + ":" + words;
  }
  if (at.kind == QueryNodeKind::kNot) return "-" + Write(query, syntax, at.children.front());
  std::string list = at.kind == QueryNodeKind::kAll ? "all(" : "any(";
  for (std::size_t i = 0; i < at.children.size(); ++i)
    list += (i == 0 ? "" : " ") + Write(query, syntax, at.children[i]);
  return list + ")";
}

std::string Parse(std::string_view query) {
  QuerySyntax const syntax = ParseQuery(query, Fields());
  return Write(query, syntax, syntax.root);
}

TEST(QuerySyntax, AllWordsAreAskedFor) {
  EXPECT_EQ(Parse("sea"), "sea");
  EXPECT_EQ(Parse("sea  view"), "all(sea view)");
  EXPECT_EQ(Parse("sea,view; pool"), "all(sea view pool)");
  EXPECT_EQ(Parse("sea AND view"), "all(sea view)");
  EXPECT_EQ(Parse(""), "nothing");
  EXPECT_EQ(Parse(" !?  ... "), "nothing");
}

TEST(QuerySyntax, PhrasesStandInQuotes) {
  EXPECT_EQ(Parse("\"sea view\" pool"), "all(\"sea view\" pool)");
  EXPECT_EQ(Parse("“sea view” «la mer» 「東京」"), "all(\"sea view\" \"la mer\" \"東京\")");
  EXPECT_EQ(Parse("„am Meer“"), "\"am Meer\"");
  EXPECT_EQ(Parse("\"sea view"), "all(sea view)");
  EXPECT_EQ(Parse("5\" screen"), "all(5 screen)");
}

TEST(QuerySyntax, OrJoinsWhatIsBesideIt) {
  EXPECT_EQ(Parse("sea OR lake view"), "all(any(sea lake) view)");
  EXPECT_EQ(Parse("sea or lake|river"), "any(sea lake river)");
  EXPECT_EQ(Parse("cheap (sea view OR \"lake\")"), "all(cheap all(sea any(view \"lake\")))");
  EXPECT_EQ(Parse("(sea view) | lake"), "any(all(sea view) lake)");
}

TEST(QuerySyntax, OperatorsWithoutOperandsAreWords) {
  EXPECT_EQ(Parse("or"), "or");
  EXPECT_EQ(Parse("OR sea"), "all(OR sea)");
  EXPECT_EQ(Parse("sea OR"), "all(sea OR)");
  EXPECT_EQ(Parse("| sea |"), "sea");
  EXPECT_EQ(Parse("NOT"), "NOT");
  EXPECT_EQ(Parse("AND"), "AND");
  EXPECT_EQ(Parse("not sea"), "all(not sea)");
}

TEST(QuerySyntax, AMinusExcludes) {
  EXPECT_EQ(Parse("sea -view"), "all(sea -view)");
  EXPECT_EQ(Parse("-\"sea view\" NOT pool"), "all(-\"sea view\" -pool)");
  EXPECT_EQ(Parse("-(sea view)"), "-all(sea view)");
  EXPECT_EQ(Parse("NOT NOT sea"), "sea");
  EXPECT_EQ(Parse("e-mail"), "e-mail");
  EXPECT_EQ(Parse("sea - view -- pool -"), "all(sea view pool)");
  EXPECT_EQ(Parse("--sea"), "sea");
}

TEST(QuerySyntax, FieldsAreNamedBeforeAColon) {
  EXPECT_EQ(Parse("name:sea view"), "all(name:sea view)");
  EXPECT_EQ(Parse("NAME:\"sea view\" description:pool"), "all(name:\"sea view\" Description:pool)");
  EXPECT_EQ(Parse("-name:sea"), "-name:sea");
  EXPECT_EQ(Parse("name:(sea OR lake) view"), "all(any(name:sea name:lake) view)");
  EXPECT_EQ(Parse("other:sea 12:30 http://a.b"), "all(other:sea 12:30 http://a.b)");
  EXPECT_EQ(Parse("name: sea"), "all(name: sea)");
  EXPECT_EQ(Parse("name:"), "name:");
}

TEST(QuerySyntax, ParenthesesNeedNotFit) {
  EXPECT_EQ(Parse("((sea)"), "sea");
  EXPECT_EQ(Parse("sea) view) ("), "all(sea view)");
  EXPECT_EQ(Parse("()"), "nothing");
  EXPECT_EQ(Parse(":) sea"), "sea");
}

TEST(QuerySyntax, SizeIsBounded) {
  std::string many;
  for (int i = 0; i < 1000; ++i)
    many += "w" + std::to_string(i) + " ";
  QuerySyntax const syntax = ParseQuery(many, {});
  EXPECT_EQ(syntax.nodes.size(), static_cast<std::size_t>(kMaxQueryWords) + 1);
  for (std::string const piece : {"(", ")", "\"", "-", "NOT ", "name:", "|", "OR ", "a|", "「", "(a ", "“a"}) {
    std::string query;
    while (query.size() < 65536)
      query += piece;
    QuerySyntax const parsed = ParseQuery(query, Fields());
    EXPECT_LE(parsed.nodes.size(), 1000U) << piece;
  }
}

TEST(QuerySyntax, AnyBytesAreParsed) {
  std::mt19937 random(5);
  std::string const alphabet = "ab \"-()|:*OR NOT\xE2\x80\x9C\xFF\xC3name:,.&'";
  std::uniform_int_distribution<std::size_t> pick(0, alphabet.size() - 1);
  std::uniform_int_distribution<int> byte(0, 255);
  for (int round = 0; round < 20000; ++round) {
    std::string query(static_cast<std::size_t>(round % 40), ' ');
    for (char &character : query)
      character = (round & 1) != 0 ? alphabet[pick(random)] : static_cast<char>(byte(random));
    QuerySyntax const syntax = ParseQuery(query, Fields());
    for (const QueryNode &node : syntax.nodes) {
      ASSERT_LE(node.begin, node.end);
      ASSERT_LE(node.end, query.size());
      for (int const child : node.children)
        ASSERT_LT(static_cast<std::size_t>(child), syntax.nodes.size());
    }
  }
}

} // namespace
} // namespace itemize
