// Canonical key text: one key, one text.
#include "itemize/key_text.hpp"

#include <gtest/gtest.h>

namespace {

using namespace itemize;

TEST(KeyText, EveryByteSurvives) {
  std::string value;
  for (int byte = 1; byte < 256; ++byte)
    value.push_back(static_cast<char>(byte));
  const std::string encoded = PercentEncode(value);
  for (const char c : encoded)
    EXPECT_TRUE(IsUnreserved(c) || c == '%') << c;
  EXPECT_EQ(PercentDecode(encoded), value);
}

TEST(KeyText, UnreservedCharactersStayAndHexIsUpperCase) {
  EXPECT_EQ(PercentEncode("AZaz09-._~"), "AZaz09-._~");
  EXPECT_EQ(PercentEncode("a,b/é"), "a%2Cb%2F%C3%A9");
}

TEST(KeyText, ACommaInsideAValueIsNoSeparator) {
  EXPECT_EQ(JoinKeyText({"a,b", "c"}), "a%2Cb,c");
  EXPECT_EQ(SplitKeyText("a%2Cb,c"), (std::vector<std::string>{"a,b", "c"}));
  EXPECT_EQ(SplitKeyText(""), (std::vector<std::string>{""}));
  EXPECT_EQ(SplitKeyText(","), (std::vector<std::string>{"", ""}));
}

TEST(KeyText, WhatAClientWroteBecomesCanonical) {
  EXPECT_EQ(CanonicalKeyText("%61%2cb,%C3%a9"), "a%2Cb,%C3%A9");
  EXPECT_EQ(CanonicalKeyText("a b"), "a%20b");
  for (const char *text : {"%", "%1", "%GG", "a%2"})
    EXPECT_EQ(CanonicalKeyText(text), std::nullopt) << text;
  EXPECT_TRUE(CanonicalKeyText(std::string(kMaxKeyTextBytes, 'a')).has_value());
  EXPECT_FALSE(CanonicalKeyText(std::string(kMaxKeyTextBytes + 1, 'a')).has_value());
}

TEST(TypeName, IsAnIdentifierThatNeedsNoQuotes) {
  for (const char *name : {"a", "_", "listing_2"})
    EXPECT_TRUE(IsTypeName(name)) << name;
  for (const char *name : {"", "2a", "A", "a-b", "a.b", "é", "a b"})
    EXPECT_FALSE(IsTypeName(name)) << name;
  EXPECT_TRUE(IsTypeName(std::string(63, 'a')));
  EXPECT_FALSE(IsTypeName(std::string(64, 'a')));
}

TEST(TopicName, MayHaveDotsAndHyphensInside) {
  for (const char *name : {"a", "_", "orders.new", "a-b", "a.", "x_2"})
    EXPECT_TRUE(IsTopicName(name)) << name;
  for (const char *name : {"", "2a", "A", ".a", "-a", "@a", "a,b", "a/b", "a b", "a\tb", "a\nb", "é", "a*"})
    EXPECT_FALSE(IsTopicName(name)) << name;
  EXPECT_TRUE(IsTopicName(std::string(63, 'a')));
  EXPECT_FALSE(IsTopicName(std::string(64, 'a')));
}

} // namespace
