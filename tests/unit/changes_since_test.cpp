#include "live/changes_since.hpp"

#include <gtest/gtest.h>

#include <string>

namespace itemize::sidecar::live {
namespace {

StreamEntry Entry(std::uint64_t lsn, const std::string &lines) {
  const std::string text = FormatPgLsn(lsn);
  return {{lsn, 9}, "B\t1\t" + text + "\t5\t0\t\n" + lines + "C\t" + text + "\t9\n"};
}

std::string Insert(int ordinal, const std::string &key, const std::string &row) {
  return "I\t" + std::to_string(ordinal) + "\tt\t3\t" + key + '\t' + row + '\t' + std::to_string(row.size() - 2) + '\n';
}
std::string Update(int ordinal, const std::string &key, const std::string &row) {
  return 'U' + Insert(ordinal, key, row).substr(1);
}
std::string Delete(int ordinal, const std::string &key) {
  return "D\t" + std::to_string(ordinal) + "\tt\t3\t" + key + '\n';
}

class ChangesSinceTest : public testing::Test {
protected:
  /// `type/key new|changed|gone|came and went row; …`, then `type: reason`.
  std::string Told() {
    std::string text;
    for (const auto &[type, items] : changes_.items()) {
      for (const auto &[key, item] : items) {
        text.append(type).append("/").append(key).append(" ");
        text += item.exists ? (item.existed ? "changed" : "new") : (item.existed ? "gone" : "came and went");
        text += item.exists ? ' ' + (item.row.empty() ? "?" : item.row) + "; " : "; ";
      }
    }
    for (const auto &[type, reason] : changes_.resyncs())
      text.append(type).append(": ").append(reason).append("; ");
    return text;
  }

  ChangesSince changes_{{{"t", "1"}, {"t", "2"}, {"t", "3"}, {"u", std::nullopt}, {"@topic", std::nullopt}}, {16, 2}};
};

TEST_F(ChangesSinceTest, TellsWhatIsAtTheEndBesideWhatWasAtTheBeginning) {
  changes_.Add(Entry(17, Insert(1, "1", "{\"a\":1}") + Update(2, "2", "{\"a\":2}") + Delete(3, "3")));
  changes_.Add(Entry(18, Update(1, "1", "{\"a\":3}") + Delete(2, "2") + Insert(3, "3", "{\"a\":4}")));
  EXPECT_EQ(Told(), "t/1 new {\"a\":3}; t/2 gone; t/3 changed {\"a\":4}; ");
  EXPECT_EQ(changes_.bytes(), 3U + 2 * 7U);
  changes_.Add(Entry(19, Delete(1, "1")));
  EXPECT_EQ(Told(), "t/1 came and went; t/2 gone; t/3 changed {\"a\":4}; ");
}

TEST_F(ChangesSinceTest, BeginsInsideATransactionAndLeavesOutWhatNobodyAskedFor) {
  changes_.Add(Entry(15, Update(1, "1", "{\"a\":1}")));
  changes_.Add(Entry(16, Update(2, "1", "{\"a\":1}") + Update(3, "2", "{\"a\":2}") + Update(4, "4", "{\"a\":2}")));
  changes_.Add(Entry(17, "U\t1\tother\t3\t1\t{\"a\":1}\t5\nM\t2\ttopic\t1\nX\t3\tt\t3\ttoo_large\n"));
  EXPECT_EQ(Told(), "t/2 changed {\"a\":2}; ");
}

TEST_F(ChangesSinceTest, CompletesRowsByThoseBeforeOrLeavesThemToBeRead) {
  changes_.Add(Entry(17, "U\t1\tt\t3\t1\t{\"a\":1,\"b\":2}\t5,5\nU\t2\tt\t3\t2\t{\"a\":1}\t5,0\n"));
  changes_.Add(Entry(
      18, "U\t1\tt\t3\t1\t{\"a\":3}\t5,0\nU\t2\tt\t3\t3\t{\"a\":1}\t5,0\nU\t3\tt\t3\t3\t{\"a\":1,\"b\":2}\t5,5\n"));
  EXPECT_EQ(Told(), "t/1 changed {\"a\":3,\"b\":2}; t/2 changed ?; t/3 changed {\"a\":1,\"b\":2}; ");
  changes_.Add(Entry(19, "U\t1\tt\t3\t1\t{}\t0,0\n"));
  EXPECT_EQ(Told(), "t/1 changed ?; t/2 changed ?; t/3 changed {\"a\":1,\"b\":2}; ") << "set aside";
}

TEST_F(ChangesSinceTest, ATypeThatIsDefinedAnewOrTruncatedIsLoadedAgain) {
  changes_.Add(Entry(17, Update(1, "1", "{\"a\":1}") + "U\t2\tu\t3\t1\t{\"a\":1}\t5\n"));
  changes_.Add(Entry(18, "Y\t1\tu\t4\teveryone\nY\t2\tother\t4\teveryone\nI\t3\tu\t4\t2\t{\"a\":1}\t5\n"));
  EXPECT_EQ(Told(), "t/1 changed {\"a\":1}; u: definition; ");
  EXPECT_EQ(changes_.bytes(), 8U);
  changes_.Add(Entry(19, "T\t1\tt\t3\n"));
  EXPECT_EQ(Told(), "t: truncate; u: definition; ");
  changes_.ResyncAll("window");
  EXPECT_EQ(Told(), "t: truncate; u: definition; ");
  changes_.Drop("t");
  changes_.Add(Entry(20, Update(1, "1", "{\"a\":1}")));
  EXPECT_EQ(Told(), "u: definition; ") << "what may not be seen any more is left out";
}

TEST_F(ChangesSinceTest, WhatWasHealedIsRead) {
  changes_.Add(Entry(17, Insert(1, "1", "{\"a\":1}")));
  changes_.AddHealed(
      {{"1-0", {16, 1}, "t", "2"}, {"2-0", {17, 9}, "t", "1"}, {"3-0", {17, 9}, "t", "9"}, {"4-0", {17, 9}, "u", "5"}});
  EXPECT_EQ(Told(), "t/1 new ?; u/5 changed ?; ") << "but not what was before, or nobody asked for";
  changes_.AddHealed({{"5-0", {18, 1}, "", ""}});
  EXPECT_EQ(Told(), "t: healed; u: healed; ") << "more than are worth a word each";
}

TEST_F(ChangesSinceTest, OfItemsForTheirOwnersEachIsToldOfHisOwn) {
  auto ann = std::make_shared<identity::Identity>();
  ann->subject = "ann";
  const OwnedChanges owned(authorization::Viewer(ann), {{"t", "owner:o"}});
  const std::vector<Interest> interests = {{"t", std::nullopt}};
  const std::string hers = R"({"o":"ann"})";
  const std::string his = R"({"o":"bob"})";
  changes_ = ChangesSince(interests, {16, 2}, owned);
  changes_.Add(Entry(17, Insert(1, "1", his) + Update(2, "2", his) + "D\t3\tt\t3\t3\tbob\n" + Insert(4, "4", hers)));
  changes_.Add(Entry(18, "D\t1\tt\t3\t1\tbob\n" + Insert(2, "1", hers) + "D\t3\tt\t3\t5\tann\n" + Insert(4, "5", his)));
  EXPECT_EQ(Told(), "t/1 new " + hers + "; t/4 new " + hers + "; t/5 gone; ");
  EXPECT_EQ(changes_.bytes(), 3U + 2 * hers.size());
  changes_.Add(Entry(19, Delete(1, "4")));
  EXPECT_EQ(Told(), "t: owner; ") << "in format 1";
  changes_ = ChangesSince(interests, {16, 2}, owned);
  changes_.AddHealed({{"1-0", {17, 1}, "t", "2"}});
  EXPECT_EQ(Told(), "t: healed; ");
}

} // namespace
} // namespace itemize::sidecar::live
