// The judge of fault tests, judged: clean histories pass, and each planted fault is found under its own rule.
#include "judge.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace itemize::faults {
namespace {

/// `E` stands for epoch 7.1.100, `N` for 7.2.200; columns are separated by spaces here.
std::string Expand(const std::string &text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ' ')
      out += '\t';
    else if ((text[i] == 'E' || text[i] == 'N') && i + 1 < text.size() && text[i + 1] == ':')
      out += text[i] == 'E' ? "7.1.100" : "7.2.200";
    else
      out += text[i];
  }
  return out;
}

std::set<std::string> RulesBroken(const std::string &text) {
  History history;
  ParseHistory(Expand(text), history);
  std::set<std::string> rules;
  for (const Finding &finding : Judge(history).findings)
    rules.insert(finding.rule);
  return rules;
}

using Rules = std::set<std::string>;

// Key a: versions 1 (inserted), 2, 4 (the large value of 1 left alone), 6 (deleted), 7 (inserted again).
const std::string kWrites = "W 10 11 committed 100 1 a:i:1\n"
                            "W 20 21 committed 200 2 a:u:2\n"
                            "W 30 31 rolled_back 0 3 a:u:3\n"
                            "W 40 41 committed 400 4 a:u:2\n"
                            "W 60 61 committed 600 6 a:d\n"
                            "W 70 71 committed 700 7 a:i:7\n";

TEST(HistoryJudge, ReadsThatFollowTheStreamAreRight) {
  EXPECT_EQ(RulesBroken(kWrites + "R 12 13 A x - E:100-1 - a=1/1\n"
                                  "R 22 23 A x - E:100-1 - a=1/1\n"
                                  "R 24 25 A x - E:200-1 - a=2/2\n"
                                  "R 42 43 A x - E:200-1 - a=4/2\n" // a fill ahead of the stream
                                  "R 62 63 A x - E:600-1 - a=-\n"
                                  "R 72 73 A x - E:700-1 - a=7/7\n"
                                  "R 72 73 B x - E:100-1 - a=1/1\n" // another cluster may be behind
                                  "A 0 1 2 4 6 7\nZ a=7/7\n"),
            Rules{});
}

TEST(HistoryJudge, ReadsAtTheSameTimeMayDiffer) {
  EXPECT_EQ(RulesBroken(kWrites + "R 20 40 A x - E:100-1 - a=2/2\nR 22 41 A y - E:100-1 - a=1/1\n"), Rules{});
}

TEST(HistoryJudge, AnswerBehindItsPosition) {
  EXPECT_EQ(RulesBroken(kWrites + "R 22 23 A x - E:200-1 - a=1/1\n"), Rules{"I1"});
  EXPECT_EQ(RulesBroken(kWrites + "R 62 63 A x - E:600-1 - a=4/2\n"), Rules{"I1"}) << "it was deleted";
  EXPECT_EQ(RulesBroken(kWrites + "R 72 73 A x - E:700-1 - a=-\n"), Rules{"I1"}) << "it is there again";
  EXPECT_EQ(RulesBroken(kWrites + "R 12 13 A x - E:100-1 - a=-\n"), Rules{"I1"}) << "it is there";
}

TEST(HistoryJudge, AnswerBehindWhatTheClusterHasShown) {
  EXPECT_EQ(RulesBroken(kWrites + "R 42 43 A x - E:100-1 - a=4/2\nR 44 45 A y - E:100-1 - a=2/2\n"), Rules{"I2"});
  EXPECT_EQ(RulesBroken(kWrites + "R 42 43 A x - - redis a=4/2\nR 44 45 A y - E:100-1 - a=2/2\n"), Rules{"I2"});
  EXPECT_EQ(RulesBroken(kWrites + "R 42 43 A x - E:100-1 - a=4/2\nR 44 45 A y - E:100-1 - a=-\n"), (Rules{"I1", "I2"}));
  EXPECT_EQ(RulesBroken(kWrites + "R 62 63 A x - E:100-1 - a=2/2\nR 64 65 A x - E:100-1 - a=-\n"
                                  "R 66 67 A x - E:100-1 - a=4/2\n"),
            Rules{"I2"})
      << "missing was version 6";
  EXPECT_EQ(RulesBroken(kWrites + "E 43 A f item E:400-1 update a=4/2\nR 44 45 A y - E:200-1 - a=2/2\n"), Rules{"I2"})
      << "an event has shown it";
}

TEST(HistoryJudge, AnswerBehindWhatWasAskedFor) {
  EXPECT_EQ(RulesBroken(kWrites + "R 42 43 A x E:400-1 - - a=2/2\n"), Rules{"I4"});
  EXPECT_EQ(RulesBroken(kWrites + "R 42 43 A x E:400-1 E:200-1 - a=2/2\n"), Rules{"I4"});
  EXPECT_EQ(RulesBroken(kWrites + "R 42 43 A x E:400-1 E:400-1 - a=4/2\n"), Rules{});
}

TEST(HistoryJudge, AnswerInTheMiddleOfALargeTransaction) {
  const std::string large = "W 10 11 committed 100 1 a:i:1 b:i:1 c:i:1\nW 20 21 committed 200 2 a:u:2 b:u:2 c:u:2\n";
  EXPECT_EQ(RulesBroken(large + "R 22 23 A x E:200-1 E:200-2 - a=2/2 b=2/2 c=1/1\n"), Rules{});
  EXPECT_EQ(RulesBroken(large + "R 22 23 A x - E:200-2 - b=1/1\n"), Rules{"I1"});
  EXPECT_EQ(RulesBroken(large + "R 22 23 A x E:200-3 - - c=1/1\n"), Rules{"I4"});
  EXPECT_EQ(RulesBroken(large + "R 22 23 A x - E:201-0 - c=1/1\n"), Rules{"I1"});
}

TEST(HistoryJudge, PositionThatGoesBack) {
  EXPECT_EQ(RulesBroken(kWrites + "R 22 23 A x - E:200-1 - a=2/2\nR 24 25 A x - E:100-1 - a=2/2\n"), Rules{"position"});
  EXPECT_EQ(RulesBroken(kWrites + "R 22 23 A x - N:200-1 - a=2/2\nR 24 25 A x - E:300-1 - a=2/2\n"), Rules{"position"});
}

TEST(HistoryJudge, PositionOfAnAnswerPastTheCopy) {
  EXPECT_EQ(RulesBroken(kWrites + "R 42 43 A x - E:400-1 - a=4/2\nR 44 45 A y E:200-1 E:200-1 redis a=4/2\n"), Rules{});
}

TEST(HistoryJudge, PositionOfACopyThatWasBegunAnew) {
  EXPECT_EQ(RulesBroken(kWrites + "R 22 23 A x - E:200-1 - a=2/2\nR 24 25 A x - E:100-1 - a=2/2\n"
                                  "E 30 A f resync E:100-1\n"),
            Rules{});
}

TEST(HistoryJudge, StateThatNeverWas) {
  EXPECT_EQ(RulesBroken(kWrites + "R 32 33 A x - E:200-1 - a=3/3\n"), Rules{"uncommitted"});
  EXPECT_EQ(RulesBroken(kWrites + "R 32 33 A x - E:200-1 - a=99/3\n"), Rules{"uncommitted"});
  EXPECT_EQ(RulesBroken(kWrites + "R 22 23 A x - E:200-1 - a=4/2\n"), Rules{"uncommitted"}) << "not yet";
  EXPECT_EQ(RulesBroken(kWrites + "R 42 43 A x - E:400-1 - a=4/1\n"), Rules{"mixed"});
}

TEST(HistoryJudge, UnknownOutcomes) {
  const std::string unknown = "W 10 11 committed 100 1 a:i:1\nW 20 21 unknown 0 2 a:u:2\n";
  EXPECT_EQ(RulesBroken(unknown + "A 0 1 2\nR 22 23 A x - E:100-1 - a=2/2\n"), Rules{}) << "it was committed";
  EXPECT_EQ(RulesBroken(unknown + "A 0 1 2\nR 22 23 A x - E:100-1 - a=1/1\n"), Rules{}) << "and not seen yet";
  EXPECT_EQ(RulesBroken(unknown + "A 0 1\nR 22 23 A x - E:100-1 - a=2/2\n"), Rules{"uncommitted"});
  EXPECT_EQ(RulesBroken(unknown + "A 0 2\nZ a=2/2\n"), Rules{"lost"}) << "a commit that was confirmed is not there";
}

// The database loses versions 4 and 6 between 50 and 55 and goes on, in epoch N, with 7.
const std::string kWentBack = "W 10 11 committed 100 1 a:i:1\n"
                              "W 20 21 committed 200 2 a:u:2\n"
                              "W 40 41 committed 400 4 a:u:2\n"
                              "W 45 49 unknown 0 6 a:u:2\n"
                              "G 1 50 55 100\nA 1 1 2\n"
                              "W 70 71 committed 300 7 a:u:2\nA 1 7\n";

TEST(HistoryJudge, DatabaseThatWentBack) {
  EXPECT_EQ(RulesBroken(kWentBack + "R 42 43 A x - E:400-1 - a=4/2\n"
                                    "R 51 52 A x - E:400-1 database a=4/2\n"
                                    "R 56 57 A x - E:400-1 - a=4/2\n" // nobody has told the cluster yet
                                    "R 58 59 A x - N:200-0 - a=2/2\n"
                                    "R 72 73 A x - N:300-1 - a=7/2\n"),
            Rules{});
  EXPECT_EQ(RulesBroken(kWentBack + "R 58 59 A x - N:200-0 - a=4/2\n"), Rules{"undone"});
  EXPECT_EQ(RulesBroken(kWentBack + "R 58 59 A x - - redis a=4/2\n"), Rules{"undone"});
  EXPECT_EQ(RulesBroken(kWentBack + "R 58 59 A x - N:200-0 - a=1/1\n"), Rules{"I1"}) << "2 is older than the epoch";
  EXPECT_EQ(RulesBroken(kWentBack + "R 72 73 A x - N:300-1 - a=2/2\n"), Rules{"I1"});
  EXPECT_EQ(RulesBroken(kWentBack + "R 47 48 A x - E:400-1 - a=6/2\nR 58 59 A x - N:200-0 - a=1/1\n"), Rules{"I1"});
  EXPECT_EQ(RulesBroken(kWentBack + "R 44 46 A x - E:100-0 - a=2/2\nR 48 49 A x - E:100-0 - a=4/2\n"
                                    "R 58 59 A x - - redis a=1/1\n"),
            Rules{"I2"})
      << "2 is still there";
}

TEST(HistoryJudge, ClusterThatDoesNotConverge) {
  EXPECT_EQ(RulesBroken(kWrites + "R 80 81 A final - E:700-1 - a=7/7 b=-\nZ a=7/7\n"), Rules{});
  EXPECT_EQ(RulesBroken(kWrites + "R 80 81 A final - E:100-1 - a=4/2\nZ a=7/7\n"), Rules{"I3"});
  EXPECT_EQ(RulesBroken(kWrites + "R 80 81 A final - E:100-1 - a=-\nZ a=7/7\n"), Rules{"I3"});
}

const std::string kFollower = "S 12 A f -\nE 13 A f hello E:100-1\nR 14 15 A f - E:100-1 - a=1/1\n";

TEST(HistoryJudge, LiveClientThatHearsAll) {
  const std::string all = "E 22 A f item E:200-1 update a=2/2\n"
                          "E 42 A f item E:400-1 update a=4/2\n"
                          "E 62 A f item E:600-1 delete a=-\n";
  EXPECT_EQ(RulesBroken(kWrites + kFollower + all + "E 72 A f item E:700-1 insert a=7/7\nZ a=7/7\n"), Rules{});
  EXPECT_EQ(RulesBroken(kWrites + kFollower + all +
                        "S 65 A f E:600-1\nE 66 A f hello E:600-1\n"
                        "E 72 A f item E:700-1 insert a=7/7\nZ a=7/7\n"),
            Rules{})
      << "resumed";
  EXPECT_EQ(RulesBroken(kWrites + kFollower +
                        "E 22 A f item E:200-1 update a=2/2\nE 42 A f item E:400-1 update a=?\n"
                        "E 62 A f item E:600-1 delete a=-\nE 72 A f item E:700-1 insert a=7/7\nZ a=7/7\n"),
            Rules{})
      << "without its row";
  EXPECT_EQ(RulesBroken(kWrites + "S 12 A f -\nE 13 A f hello E:100-1\nR 14 45 A f - E:100-1 - a=4/2\n"
                                  "E 46 A f item E:200-1 update a=2/2\nE 47 A f item E:400-1 update a=4/2\n"
                                  "E 62 A f item E:600-1 delete a=-\nE 72 A f item E:700-1 insert a=7/7\nZ a=7/7\n"),
            Rules{})
      << "what was loaded was ahead";
  EXPECT_EQ(RulesBroken(kWrites + kFollower + "E 50 A f resync E:400-1\nR 51 52 A f - E:400-1 - a=4/2\n" +
                        "E 62 A f item E:600-1 delete a=-\nE 72 A f item E:700-1 insert a=7/7\nZ a=7/7\n"),
            Rules{})
      << "told to load again";
}

TEST(HistoryJudge, LiveClientHearsNothingOfAnotherType) {
  EXPECT_EQ(RulesBroken(kWrites + "W 10 11 committed 700 9 other/a:i:9\n" + kFollower +
                        "E 22 A f item E:200-1 update a=2/2\nE 42 A f item E:400-1 update a=4/2\n"
                        "E 62 A f item E:600-1 delete a=-\nE 72 A f item E:700-1 insert a=7/7\nZ a=7/7 other/a=9/9\n"),
            Rules{});
}

TEST(HistoryJudge, LiveClientThatMissesAnEvent) {
  EXPECT_EQ(RulesBroken(kWrites + kFollower + "E 42 A f item E:400-1 update a=4/2\n"), Rules{"gap"}) << "the first";
  EXPECT_EQ(RulesBroken(kWrites + kFollower + "E 22 A f item E:200-1 update a=2/2\nE 62 A f item E:600-1 delete a=-\n"),
            Rules{"gap"})
      << "one between";
  EXPECT_EQ(RulesBroken(kWrites + kFollower +
                        "E 22 A f item E:200-1 update a=2/2\nE 42 A f item E:400-1 update a=4/2\n"
                        "E 62 A f item E:600-1 delete a=-\nZ a=7/7\n"),
            Rules{"gap"})
      << "the last";
  EXPECT_EQ(RulesBroken(kWrites + kFollower + "Z a=7/7\n"), Rules{"gap"}) << "all";
  EXPECT_EQ(RulesBroken(kWrites + kFollower + "S 25 A f E:100-1\nE 26 A f hello E:200-1\nE 27 A f keepalive E:200-1\n"),
            Rules{"gap"})
      << "resumed further on";
}

TEST(HistoryJudge, LiveClientThatMissesAnEventAndGetsACompletedOne) {
  const std::string writes = "W 10 11 committed 100 1 a:i:1\nW 20 21 committed 200 2 a:u:1\n"
                             "W 30 31 committed 300 3 a:u:1\nW 40 41 committed 400 4 a:u:1\n";
  EXPECT_EQ(RulesBroken(writes + kFollower +
                        "E 42 A f item E:200-1 update a=4/1\nE 43 A f item E:300-1 update a=4/1\n"
                        "E 44 A f item E:400-1 update a=4/1\nZ a=4/1\n"),
            Rules{});
  EXPECT_EQ(RulesBroken(writes + kFollower + "E 42 A f item E:300-1 update a=4/1\n"), Rules{"gap"});
}

TEST(HistoryJudge, LiveClientCutOffBetweenHelloAndResync) {
  const std::string cut = "S 25 A f E:100-1\nE 26 A f hello E:200-1\nS 27 A f E:200-1\nE 28 A f hello E:200-1\n";
  EXPECT_EQ(RulesBroken(kWrites + kFollower + cut), Rules{"gap"});
  const std::string told = "S 25 A f E:100-1\nE 26 A f hello -\nS 27 A f E:100-1\nE 28 A f hello -\n"
                           "E 29 A f resync E:200-1\nS 30 A f E:200-1\nE 31 A f hello E:200-1\n";
  EXPECT_EQ(RulesBroken(kWrites + kFollower + told), Rules{});
}

TEST(HistoryJudge, LiveClientThatGetsAnEventTwice) {
  EXPECT_EQ(
      RulesBroken(kWrites + kFollower + "E 22 A f item E:200-1 update a=2/2\nE 23 A f item E:200-1 update a=2/2\n"),
      (Rules{"gap", "order"}));
}

TEST(HistoryJudge, LiveClientLedIntoAnotherEpoch) {
  const std::string before = kWentBack + "S 12 A f -\nE 13 A f hello E:100-1\nR 14 15 A f - E:100-1 - a=1/1\n"
                                         "E 22 A f item E:200-1 update a=2/2\n";
  const std::string after = "R 61 62 A f - N:200-0 - a=2/2\nE 72 A f item N:300-1 update a=7/2\nZ a=7/2\n";
  EXPECT_EQ(RulesBroken(before + "E 60 A f resync N:200-0\n" + after), Rules{});
  EXPECT_EQ(RulesBroken(before + "E 72 A f item N:300-1 update a=7/2\n"), Rules{"epoch"});
  EXPECT_EQ(RulesBroken(before + "E 42 A f item E:400-1 update a=4/2\nZ a=7/2\n"), Rules{"epoch"}) << "never told";
}

TEST(HistoryJudge, TextThatIsNoHistory) {
  History history;
  EXPECT_THROW(ParseHistory("Q\t1", history), std::runtime_error);
  EXPECT_THROW(ParseHistory("W\t1\t2\tcommitted\t3", history), std::runtime_error);
  EXPECT_THROW(ParseHistory("R\t1\t2\tA\tx\t-\tnowhere\t-\ta=1/1", history), std::runtime_error);
  EXPECT_THROW(ParseHistory("R\t1\t2\tA\tx\t-\t-\t-\ta=1", history), std::runtime_error);
}

} // namespace
} // namespace itemize::faults
