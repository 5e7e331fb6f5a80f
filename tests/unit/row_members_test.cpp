// Merging a row with absent members by their lengths.
#include "itemize/row_members.hpp"

#include <gtest/gtest.h>

namespace {

using namespace itemize;

const std::string kHeld = R"({"id":1,"big":"a,b","n":2})";
const std::string kHeldLengths = "6,11,5";

TEST(MemberLengths, AreDecimalNumbers) {
  EXPECT_EQ(ParseMemberLengths("6,0,11"), (std::vector<std::size_t>{6, 0, 11}));
  EXPECT_EQ(ParseMemberLengths(""), std::vector<std::size_t>{});
  for (const char *text : {",", "1,", ",1", "a", "1,-1", "1 ,2"})
    EXPECT_EQ(ParseMemberLengths(text), std::nullopt) << text;
}

TEST(MemberLengths, TellWhetherAMemberIsAbsent) {
  EXPECT_TRUE(HasAbsentMembers("0"));
  EXPECT_TRUE(HasAbsentMembers("0,5"));
  EXPECT_TRUE(HasAbsentMembers("10,0,5"));
  EXPECT_FALSE(HasAbsentMembers("10,20,100"));
  EXPECT_FALSE(HasAbsentMembers(""));
}

TEST(SplitMembers, GivesEachMember) {
  const auto members = SplitMembers(kHeld, kHeldLengths);
  ASSERT_TRUE(members.has_value());
  EXPECT_EQ(*members, (std::vector<std::string_view>{R"("id":1)", R"("big":"a,b")", R"("n":2)"}));
  EXPECT_EQ(SplitMembers("{}", "0,0"), (std::vector<std::string_view>{"", ""}));
}

TEST(SplitMembers, RefusesLengthsThatDoNotFit) {
  for (const char *lengths :
       {"", "6", "6,11", "6,11,4", "6,11,6", "7,11,5", "6,11,5,1", "18446744073709551615,1,1", "x"}) {
    EXPECT_EQ(SplitMembers(kHeld, lengths), std::nullopt) << lengths;
  }
  for (const char *row : {"", "{", "[]", "x"})
    EXPECT_EQ(SplitMembers(row, "1"), std::nullopt) << row;
}

TEST(MergeRow, TakesAbsentMembersFromTheHeldRow) {
  const auto merged = MergeRow(R"({"id":1,"n":33})", "6,0,6", kHeld, kHeldLengths);
  ASSERT_TRUE(merged.has_value());
  EXPECT_EQ(merged->row, R"({"id":1,"big":"a,b","n":33})");
  EXPECT_EQ(merged->member_lengths, "6,11,6");
}

TEST(MergeRow, RefusesWhatCannotBeMerged) {
  EXPECT_FALSE(MergeRow(R"({"id":1})", "6,0", kHeld, kHeldLengths).has_value());
  EXPECT_FALSE(MergeRow(R"({"id":1})", "6,0,0", R"({"id":1,"n":2})", "6,0,5").has_value());
  EXPECT_FALSE(MergeRow(R"({"id":1,"n":3})", "6,0,9", kHeld, kHeldLengths).has_value());
  EXPECT_FALSE(MergeRow("{}", "0,0,0", kHeld, kHeldLengths).has_value());
}

} // namespace
