#include "matching_fixture.hpp"

#include "live/event.hpp"
#include "live/local_stream.hpp"
#include "live/outbox.hpp"
#include "live/resume.hpp"
#include "live/subscription_index.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace itemize::sidecar::live {
namespace {

const Epoch kEpoch{7, 1, 9};

Position At(std::uint64_t lsn, std::uint64_t ordinal) { return {kEpoch, {lsn, ordinal}}; }

SharedEvent Item(std::uint64_t lsn, const std::string &key, std::size_t row_bytes = 2) {
  return ItemEvent(At(lsn, 1), "update", "t", key, '{' + std::string(row_bytes - 2, ' ') + '}');
}

std::vector<std::uint64_t> LsnsOf(const std::vector<SharedEvent> &events) {
  std::vector<std::uint64_t> lsns;
  lsns.reserve(events.size());
  for (const SharedEvent &event : events)
    lsns.push_back(event->version.commit_lsn);
  return lsns;
}

TEST(Event, IsOneMessageOfTheStream) {
  EXPECT_EQ(ItemEvent(At(5, 2), "insert", "t", "a%2Cb,c", "{\"a\":1}")->text,
            "id: 7.1.9:5-2\nevent: item\ndata: "
            "{\"op\":\"insert\",\"type\":\"t\",\"key\":\"a%2Cb,c\",\"item\":{\"a\":1}}\n\n");
  EXPECT_EQ(ItemEvent(At(5, 2), "delete", "t", "1", std::nullopt)->text,
            "id: 7.1.9:5-2\nevent: item\ndata: {\"op\":\"delete\",\"type\":\"t\",\"key\":\"1\"}\n\n");
  EXPECT_EQ(TruncateEvent(At(5, 2), "t")->text,
            "id: 7.1.9:5-2\nevent: item\ndata: {\"op\":\"truncate\",\"type\":\"t\"}\n\n");
  EXPECT_EQ(ResyncEvent(At(5, 2), "slow")->text, "id: 7.1.9:5-2\nevent: resync\ndata: {\"reason\":\"slow\"}\n\n");
  EXPECT_EQ(GoneEvent(At(5, 2), "t")->text, "id: 7.1.9:5-2\nevent: gone\ndata: {\"type\":\"t\"}\n\n");
}

TEST(Event, AMessageCarriesItsPayloadAsItIs) {
  const auto event = MessageEvent(At(5, 2), "orders.new", R"({"a":[1,2.50]})");
  EXPECT_EQ(event->text, "id: 7.1.9:5-2\nevent: message\ndata: "
                         "{\"topic\":\"orders.new\",\"payload\":{\"a\":[1,2.50]}}\n\n");
  EXPECT_TRUE(event->subject.empty());
  EXPECT_EQ(GoneEvent(At(5, 2), "@orders.new")->text,
            "id: 7.1.9:5-2\nevent: gone\ndata: {\"topic\":\"orders.new\"}\n\n");
  EXPECT_EQ(ResyncEvent(At(5, 2), "definition", "@a")->text,
            "id: 7.1.9:5-2\nevent: resync\ndata: {\"reason\":\"definition\",\"topic\":\"a\"}\n\n");
}

TEST(Event, HelloDoesNotMoveAResumingClientPastWhatFollows) {
  EXPECT_EQ(HelloEvent(At(5, 2), At(9, 1))->text,
            "retry: 2000\n\nid: 7.1.9:5-2\nevent: hello\ndata: {\"position\":\"7.1.9:9-1\"}\n\n");
}

TEST(Event, HelloBeforeAResyncLeavesTheClientWhereItIs) {
  EXPECT_EQ(HelloEvent(std::nullopt, At(9, 1))->text,
            "retry: 2000\n\nevent: hello\ndata: {\"position\":\"7.1.9:9-1\"}\n\n");
}

TEST(Event, KeepaliveMovesThePositionWithoutAMessage) {
  EXPECT_EQ(KeepaliveEvent(At(5, 0))->text, ": keepalive\nid: 7.1.9:5-0\n\n");
  EXPECT_EQ(KeepaliveEvent(std::nullopt)->text, ": keepalive\n\n");
}

TEST(Outbox, WhatMayNoLongerBeReadDoesNotWait) {
  Outbox outbox(1000000);
  (void)outbox.Push(Item(1, "a"));
  (void)outbox.Push(ItemEvent(At(2, 1), "update", "other", "a", "{}"));
  (void)outbox.Push(TruncateEvent(At(3, 1), "t"));
  (void)outbox.Push(MessageEvent(At(4, 1), "t", "1"));
  (void)outbox.Push(ItemEvent(At(5, 1), "update", "t2", "a", "{}"));
  outbox.Drop("t");
  const std::size_t bytes = outbox.bytes();
  const auto left = outbox.Take(1000000);
  EXPECT_EQ(LsnsOf(left), (std::vector<std::uint64_t>{2, 4, 5})) << "a topic of the same name is another thing";
  EXPECT_EQ(bytes, left[0]->text.size() + left[1]->text.size() + left[2]->text.size());
  const SharedEvent gone = GoneEvent(At(6, 1), "@t");
  EXPECT_TRUE(gone->withdraws);
  (void)outbox.Push(left[1]);
  outbox.Drop(gone->type);
  EXPECT_TRUE(outbox.empty());
}

TEST(Outbox, KeepsOrderAndTakesNoMoreThanAskedFor) {
  Outbox outbox(1000);
  for (std::uint64_t lsn = 1; lsn <= 3; ++lsn)
    EXPECT_TRUE(outbox.Push(Item(lsn, "k")));
  const std::size_t one = Item(1, "k")->text.size();
  EXPECT_EQ(LsnsOf(outbox.Take(2 * one)), (std::vector<std::uint64_t>{1, 2}));
  EXPECT_EQ(LsnsOf(outbox.Take(1)), std::vector<std::uint64_t>{3});
  EXPECT_TRUE(outbox.empty());
  EXPECT_EQ(outbox.bytes(), 0U);
}

TEST(Outbox, OverItsLimitTheNewestVersionOfEachKeyStays) {
  Outbox outbox(2000);
  EXPECT_TRUE(outbox.Push(HelloEvent(At(1, 0), At(1, 0))));
  EXPECT_TRUE(outbox.Push(Item(2, "other")));
  for (std::uint64_t lsn = 3; lsn < 100; ++lsn)
    ASSERT_TRUE(outbox.Push(Item(lsn, "k"))) << lsn;
  EXPECT_GT(outbox.conflated(), 0U);
  EXPECT_LE(outbox.bytes(), 2000U);
  const auto lsns = LsnsOf(outbox.Take(10000));
  EXPECT_EQ(lsns[0], 1U);
  EXPECT_EQ(lsns[1], 2U);
  EXPECT_EQ(lsns.back(), 99U);
  EXPECT_TRUE(std::is_sorted(lsns.begin(), lsns.end()));
}

TEST(Outbox, WhateverIsPushedAndTakenTheNewestOfEachKeyIsToldLastAndNothingIsLeftOutThatFits) {
  std::minstd_rand random(7);
  for (int round = 0; round < 200; ++round) {
    // The longest event six times: more than all keys take, half of it free after conflating.
    const std::size_t limit = 3500 + random() % 4000;
    const std::size_t keys = 1 + random() % 4;
    Outbox outbox(limit);
    std::map<std::string, std::uint64_t> newest;
    std::map<std::string, std::uint64_t> told;
    std::vector<std::uint64_t> taken;
    bool full = false;
    const auto take = [&](std::size_t bytes) {
      for (const SharedEvent &event : outbox.Take(bytes)) {
        taken.push_back(event->version.commit_lsn);
        told[event->subject] = event->version.commit_lsn;
      }
    };
    for (std::uint64_t lsn = 1; lsn <= 100; ++lsn) {
      const SharedEvent event = Item(lsn, std::to_string(random() % keys), 2 + random() % 200);
      full = full || outbox.bytes() + event->text.size() > limit;
      newest[event->subject] = lsn;
      ASSERT_TRUE(outbox.Push(event));
      if (random() % 4 == 0) take(random() % 3000);
    }
    take(1'000'000);
    EXPECT_TRUE(outbox.empty());
    EXPECT_EQ(told, newest);
    EXPECT_TRUE(std::is_sorted(taken.begin(), taken.end()));
    EXPECT_EQ(taken.size() + outbox.conflated(), 100U);
    EXPECT_TRUE(full || taken.size() == 100U);
  }
}

TEST(Event, SaysWhatAnItemHasBecomeByAFilter) {
  const auto entered = FilteredEvent(At(5, 2), matching::Outcome::kEntered, "t", "k", "{\"a\":1}");
  EXPECT_EQ(entered->text,
            "id: 7.1.9:5-2\nevent: entered\ndata: {\"type\":\"t\",\"key\":\"k\",\"item\":{\"a\":1}}\n\n");
  EXPECT_EQ(WithOutcome(*entered, matching::Outcome::kChanged)->text,
            "id: 7.1.9:5-2\nevent: changed\ndata: {\"type\":\"t\",\"key\":\"k\",\"item\":{\"a\":1}}\n\n");
  EXPECT_EQ(FilteredEvent(At(5, 2), matching::Outcome::kLeft, "t", "k", "{\"a\":1}")->text,
            "id: 7.1.9:5-2\nevent: left\ndata: {\"type\":\"t\",\"key\":\"k\"}\n\n")
      << "of what is no longer of the kind nothing more is told";
}

TEST(Outbox, ConflatedEventsOfAFilterTellWhatThoseBeforeThemWere) {
  using matching::Outcome;
  std::minstd_rand random(9);
  std::size_t conflated = 0;
  for (int round = 0; round < 300; ++round) {
    Outbox outbox(2500);
    // What the row is by the filter, and what a client makes of what it takes.
    std::map<std::string, bool> is;
    std::map<std::string, bool> held;
    const auto take = [&](std::size_t bytes) {
      for (const SharedEvent &event : outbox.Take(bytes)) {
        if (event->forgets) held.clear();
        if (event->outcome == Outcome::kNone) continue;
        bool &has = held[event->subject];
        if (event->outcome == Outcome::kEntered) {
          EXPECT_FALSE(has) << "entered what was there";
        }
        if (event->outcome == Outcome::kChanged) {
          EXPECT_TRUE(has) << "changed what was not there";
        }
        has = event->outcome != Outcome::kLeft;
      }
    };
    for (std::uint64_t lsn = 1; lsn <= 120; ++lsn) {
      const std::string key = std::to_string(random() % 3);
      if (random() % 25 == 0) {
        is.clear();
        ASSERT_TRUE(outbox.Push(TruncateEvent(At(lsn, 1), "t")));
        continue;
      }
      bool &now = is["t/" + key];
      const bool next = random() % 2 == 0;
      if (!now && !next) continue;
      const Outcome outcome = next ? (now ? Outcome::kChanged : Outcome::kEntered) : Outcome::kLeft;
      now = next;
      ASSERT_TRUE(
          outbox.Push(FilteredEvent(At(lsn, 1), outcome, "t", key, '{' + std::string(random() % 100, ' ') + '}')));
      if (random() % 6 == 0) take(random() % 1500);
    }
    take(1'000'000);
    for (const auto &[subject, has] : is)
      EXPECT_EQ(held[subject], has) << subject;
    conflated += outbox.conflated();
  }
  EXPECT_GT(conflated, 1000U);
}

TEST(Outbox, NoMessageGivesWayToAnother) {
  Outbox outbox(2000);
  std::size_t pushed = 0;
  while (outbox.Push(MessageEvent(At(++pushed, 1), "t", "1")))
    ASSERT_LT(pushed, 100U);
  EXPECT_EQ(outbox.conflated(), 0U);
  EXPECT_EQ(outbox.Take(100'000).size(), pushed);
}

TEST(Outbox, SaysWhenConflatingDoesNotHelp) {
  Outbox outbox(2000);
  bool fits = true;
  for (std::uint64_t lsn = 1; lsn < 100 && fits; ++lsn)
    fits = outbox.Push(Item(lsn, std::to_string(lsn)));
  EXPECT_FALSE(fits);
  outbox.ReplaceAll(ResyncEvent(At(100, 1), "slow"));
  EXPECT_EQ(outbox.Take(1).size(), 1U);
}

TEST(Outbox, TakesOneEventOfAnySize) {
  Outbox outbox(100);
  EXPECT_TRUE(outbox.Push(Item(1, "k", 5000)));
  EXPECT_EQ(outbox.Take(1).size(), 1U);
}

class SubscriptionIndexTest : public testing::Test {
protected:
  // The index compares addresses and looks at nothing behind them.
  Subscriber *Nth(std::size_t n) { return static_cast<Subscriber *>(static_cast<void *>(&places_.at(n))); }
  std::array<std::uint64_t, 4> places_{};
  SubscriptionIndex index_;
};

TEST_F(SubscriptionIndexTest, FindsByKeyAndByWholeType) {
  index_.Add(Nth(1), {{"t", "1"}});
  index_.Add(Nth(2), {{"t", std::nullopt}});
  index_.Add(Nth(3), {{"t", "2"}, {"u", "1"}});
  auto found = index_.Find("t", "1");
  std::sort(found.begin(), found.end());
  EXPECT_EQ(found, (std::vector<Subscriber *>{Nth(1), Nth(2)}));
  EXPECT_EQ(index_.Find("u", "1"), std::vector<Subscriber *>{Nth(3)});
  EXPECT_TRUE(index_.Find("u", "2").empty());
  EXPECT_TRUE(index_.Find("v", "1").empty());
  EXPECT_EQ(index_.FindType("t").size(), 3U);
}

TEST_F(SubscriptionIndexTest, ForgetsWhatIsRemoved) {
  const std::vector<Interest> interests = {{"t", "1"}, {"u", std::nullopt}};
  index_.Add(Nth(1), interests);
  index_.Remove(Nth(1), interests);
  EXPECT_TRUE(index_.empty());
  index_.Add(Nth(1), interests);
  EXPECT_EQ(index_.RemoveType("t"), std::vector<Subscriber *>{Nth(1)});
  EXPECT_TRUE(index_.Find("t", "1").empty());
  index_.Remove(Nth(1), interests);
  EXPECT_TRUE(index_.empty());
}

TEST_F(SubscriptionIndexTest, WhoFollowsByAFilterIsFoundByWhatAChangeIsToHim) {
  const auto facts = matching::ListingFacts();
  const auto cheap = [&] { return matching::Compiled(facts, R"({"price":{"lte":"100"}})"); };
  const auto roomy = matching::Compiled(facts, R"({"beds":{"gte":"3"}})");
  index_.Add(Nth(0), {{"listing", std::nullopt, cheap()}});
  index_.Add(Nth(1), {{"listing", std::nullopt, cheap()}});
  index_.Add(Nth(2), {{"listing", std::nullopt, roomy}});
  index_.Add(Nth(3), {{"listing", "1"}});
  EXPECT_EQ(index_.Shared(cheap()), index_.Shared(cheap())) << "there is one of each";
  const matching::JsonValues before{"90", "2", "null", "null", "null", "null", "null", "[]", "null", "null"};
  const matching::JsonValues after{"110", "3", "null", "null", "null", "null", "null", "[]", "null", "null"};
  const auto change = matching::ChangeOf(*facts, &before, &after);
  auto matched = index_.Match(change.view());
  std::sort(matched.left.begin(), matched.left.end());
  EXPECT_EQ(matched.left, (std::vector<Subscriber *>{Nth(0), Nth(1)}));
  EXPECT_EQ(matched.entered, std::vector<Subscriber *>{Nth(2)});
  EXPECT_TRUE(matched.changed.empty() && matched.told);
  EXPECT_EQ(index_.Find("listing", "1"), std::vector<Subscriber *>{Nth(3)}) << "an item alone is another thing";
  EXPECT_EQ(index_.FindType("listing").size(), 4U);
  EXPECT_EQ(index_.FindFiltered("listing").size(), 3U);

  auto untold = change;
  untold.tells_former = false;
  matched = index_.Match(untold.view());
  EXPECT_FALSE(matched.told);
  EXPECT_EQ(matched.unknown.size(), 3U);

  index_.Remove(Nth(0), {{"listing", std::nullopt, cheap()}});
  index_.Remove(Nth(0), {{"listing", std::nullopt, cheap()}});
  EXPECT_EQ(index_.Match(change.view()).left, std::vector<Subscriber *>{Nth(1)}) << "another follows it still";
  index_.Remove(Nth(1), {{"listing", std::nullopt, cheap()}});
  EXPECT_TRUE(index_.Match(change.view()).left.empty());
  index_.Remove(Nth(2), {{"listing", std::nullopt, roomy}});
  index_.Remove(Nth(3), {{"listing", "1"}});
  EXPECT_TRUE(index_.empty());
}

TEST_F(SubscriptionIndexTest, NormalizedInterestsNameAChangeOnce) {
  const auto normalized = Normalized({{"t", "1"}, {"t", std::nullopt}, {"t", std::nullopt}, {"u", "1"}, {"u", "1"}});
  ASSERT_EQ(normalized.size(), 2U);
  EXPECT_FALSE(normalized[0].key);
  EXPECT_EQ(normalized[1].type, "u");
}

TEST(LocalState, KnowsWhatTheStreamStillHolds) {
  LocalState state;
  state.base = {10, 0};
  state.position.version = {100, 3};
  EXPECT_FALSE(state.Covers({9, 9}));
  EXPECT_TRUE(state.Covers({10, 0}));
  EXPECT_TRUE(state.Covers({100, 3}));
}

TEST(TypeAccess, IsReadFromTheTypesHash) {
  EXPECT_TRUE(ParseTypeAccess("7 everyone 0").readable());
  EXPECT_EQ(ParseTypeAccess("7 everyone 3").generation, 7U);
  EXPECT_FALSE(ParseTypeAccess("7 nobody 0").readable());
  EXPECT_FALSE(ParseTypeAccess("7 - 0").readable());
  EXPECT_FALSE(ParseTypeAccess("").readable());
}

class ReplayTest : public testing::Test {
protected:
  static StreamEntry Entry(const std::string &lines) {
    return {{0x10, 4}, "B\t1\t0/10\t5\t0\t\n" + lines + "C\t0/10\t4\n"};
  }
  static RowNow NoRow(const std::string &, const std::string &) { return {}; }
  const std::vector<Interest> interests_ = {{"t", "1"}, {"u", std::nullopt}};
};

TEST_F(ReplayTest, SkipsWhatTheClientHasHadInsideATransaction) {
  Replay replay(interests_, At(16, 2), 10000);
  EXPECT_TRUE(replay.Add(Entry("I\t1\tt\t3\t1\t{\"a\":1}\t5\nU\t2\tt\t3\t1\t{\"a\":2}\t5\nU\t3\tt\t3\t1\t{\"a\":3}\t5\n"
                               "I\t4\tt\t3\t2\t{\"a\":4}\t5\n"),
                         NoRow));
  ASSERT_EQ(replay.events().size(), 1U);
  EXPECT_EQ(replay.events()[0]->version, (Version{16, 3}));
}

TEST_F(ReplayTest, TellsMessagesOfTheTopicsAskedFor) {
  const std::vector<Interest> interests = {{"@t", std::nullopt}};
  Replay replay(interests, At(16, 1), 10000);
  EXPECT_TRUE(replay.Add(Entry("M\t1\tt\t1\nM\t2\tt\t2\nM\t3\tu\t3\nU\t4\tt\t3\t1\t{\"a\":1}\t5\n"), NoRow));
  ASSERT_EQ(replay.events().size(), 1U);
  EXPECT_EQ(replay.events()[0]->version, (Version{16, 2}));
  EXPECT_FALSE(replay.Add({{0x11, 1}, "B\t1\t0/11\t5\t0\t\nY\t1\t@t\t9\teveryone\nC\t0/11\t1\n"}, NoRow));
  EXPECT_EQ(replay.failure(), "definition");
}

TEST_F(ReplayTest, TellsWhatHasEnteredChangedAndLeft) {
  const auto facts = matching::ListingFacts();
  const std::vector<Interest> interests = {
      {"listing", std::nullopt, matching::Compiled(facts, R"({"price":{"lte":"100"}})")}};
  const auto line = [&](const char *price, const std::string &former, int ordinal, char kind = 'U') {
    const matching::JsonValues values{price, "1", "null", "null", "null", "null", "null", "[]", "null", "null"};
    const auto [row, lengths] = matching::RowOf(*facts, values);
    const std::string head = std::string(1, kind) + '\t' + std::to_string(ordinal) + "\tlisting\t1\t7";
    return head + (kind == 'D' ? "" : '\t' + row + '\t' + lengths) + (former.empty() ? "" : '\t' + former) + '\n';
  };
  const auto told = [&](const std::string &lines, std::string_view failure) {
    Replay replay(interests, At(16, 1), 100000);
    EXPECT_EQ(replay.Add(Entry(lines), NoRow), failure.empty());
    EXPECT_EQ(replay.failure(), failure);
    std::string outcomes;
    for (const auto &event : replay.events())
      outcomes += std::to_string(event->version.ordinal) + ' ' + std::string(matching::NameOf(event->outcome)) + ' ';
    return outcomes;
  };
  EXPECT_EQ(told(line("50", "", 1, 'I') + line("60", "", 2, 'I') + line("70", R"({"price":60})", 3) +
                     line("70", "{}", 4) + line("170", R"({"price":70})", 5) + line("180", R"({"price":170})", 6) +
                     line("80", R"({"price":180})", 7) + line("", R"({"price":80})", 8, 'D') +
                     line("", R"({"price":180})", 9, 'D'),
                 ""),
            "2 entered 3 changed 4 changed 5 left 7 entered 8 left ");
  EXPECT_EQ(told(line("70", "", 2), "former"), "");
  EXPECT_EQ(told(line("", "", 2, 'D'), "former"), "");
  EXPECT_EQ(told("T\t2\tlisting\t1\n", ""), "2 none ") << "all are gone, of whatever filter";
  EXPECT_EQ(told("Y\t2\tlisting\t2\teveryone\n", "definition"), "");
  Replay healed(interests, At(1, 0), 10000);
  EXPECT_FALSE(healed.AddHealed({{"1-0", {16, 4}, "listing", "1"}}, At(16, 4), NoRow))
      << "what it was shown as is not known";
}

TEST_F(ReplayTest, WhatWasSetAsideIsNoEvent) {
  Replay replay(interests_, At(1, 0), 10000);
  EXPECT_TRUE(replay.Add(Entry("X\t1\tu\t3\ttoo_large\nT\t2\tu\t3\nM\t3\tu\t1\n"), NoRow));
  ASSERT_EQ(replay.events().size(), 1U);
  EXPECT_EQ(replay.events()[0]->version, (Version{16, 2}));
}

TEST_F(ReplayTest, CompletesARowOrSendsNone) {
  Replay replay(interests_, At(1, 0), 10000);
  const auto entry = Entry("U\t1\tt\t3\t1\t{\"a\":1}\t5,0\nU\t2\tu\t3\t9\t{\"a\":1}\t5,0\n");
  EXPECT_TRUE(replay.Add(entry, [](const std::string &type, const std::string &) -> RowNow {
    if (type == "u") return {};
    return {false, "{\"a\":1,\"b\":2}"};
  }));
  ASSERT_EQ(replay.events().size(), 2U);
  EXPECT_NE(replay.events()[0]->text.find("\"item\":{\"a\":1,\"b\":2}"), std::string::npos);
  EXPECT_EQ(replay.events()[1]->text.find("\"item\":"), std::string::npos);
}

TEST_F(ReplayTest, OfItemsForTheirOwnersEachIsToldOfHisOwn) {
  auto ann = std::make_shared<identity::Identity>();
  ann->subject = "ann";
  const auto replayed = [&](const std::string &lines, std::string_view failure) {
    Replay replay(interests_, At(1, 0), 10000,
                  OwnedChanges(authorization::Viewer(ann), {{"t", "everyone"}, {"u", "owner:o"}}));
    EXPECT_EQ(replay.Add(Entry(lines),
                         [](const std::string &, const std::string &) -> RowNow {
                           return {true, {}};
                         }),
              failure.empty());
    EXPECT_EQ(replay.failure(), failure);
    std::string told;
    for (const auto &event : replay.events())
      told += std::to_string(event->version.ordinal) + ' ';
    return told;
  };
  const std::string bobs =
      "I\t2\tu\t3\t1\t{\"o\":\"bob\"}\t6\nU\t3\tu\t3\t1\t{\"o\":\"bob\"}\t6\nD\t4\tu\t3\t1\tbob\nD\t5\tu\t3\t1\t\n";
  EXPECT_EQ(replayed(bobs, ""), "");
  EXPECT_EQ(replayed("I\t1\tt\t3\t1\t{}\t\n" + bobs + "U\t6\tu\t3\t2\t{\"o\":\"ann\"}\t6,0\nD\t7\tu\t3\t2\tann\n", ""),
            "1 6 7 ");
  EXPECT_EQ(replayed("D\t1\tu\t3\t1\n", "owner"), "") << "a delete in format 1 does not say it";
  EXPECT_EQ(replayed("U\t1\tu\t3\t1\t{\"a\":1}\t5,0\n", "owner"), "") << "nor does a row without the field";
  Replay healed(interests_, At(1, 0), 10000, OwnedChanges(authorization::Viewer(ann), {{"u", "owner:o"}}));
  EXPECT_FALSE(healed.AddHealed({{"1-0", {16, 4}, "u", "1"}}, At(16, 4), NoRow))
      << "whose it seemed to be is not known";
}

TEST_F(ReplayTest, WhatWasHealedStandsWhereItWasRead) {
  Replay replay(interests_, At(1, 0), 10000);
  const auto healed_row = [](const std::string &, const std::string &) { return RowNow{false, "{\"a\":1}"}; };
  EXPECT_TRUE(replay.Add(Entry("I\t1\tt\t3\t1\t{\"a\":1}\t5\n"), NoRow));
  EXPECT_TRUE(replay.AddHealed({{"1-0", {16, 4}, "t", "1"}, {"2-0", {16, 4}, "t", "2"}}, At(16, 4), healed_row));
  EXPECT_TRUE(replay.Add({{0x11, 1}, "B\t1\t0/11\t5\t0\t\nU\t1\tt\t3\t1\t{\"a\":2}\t5\nC\t0/11\t1\n"}, NoRow));
  ASSERT_EQ(replay.events().size(), 3U) << "of an item that nobody asked for nothing is said";
  EXPECT_EQ(replay.events()[1]->version, (Version{16, 4}));
  EXPECT_NE(replay.events()[2]->text.find("{\"a\":2}"), std::string::npos) << "what came later is said later";
  EXPECT_FALSE(replay.AddHealed({{"3-0", {17, 1}, "", ""}}, At(17, 1), healed_row));
  EXPECT_EQ(replay.failure(), "healed") << "more than are worth a word each";
}

TEST_F(ReplayTest, EndsAtANewDefinitionAndAtItsLimit) {
  Replay redefined(interests_, At(1, 0), 10000);
  EXPECT_FALSE(redefined.Add(Entry("Y\t1\tu\t4\teveryone\n"), NoRow));
  EXPECT_EQ(redefined.failure(), "definition");
  Replay unconcerned(interests_, At(1, 0), 10000);
  EXPECT_TRUE(unconcerned.Add(Entry("Y\t1\tother\t4\teveryone\n"), NoRow));
  Replay small(interests_, At(1, 0), 50);
  EXPECT_FALSE(small.Add(Entry("D\t1\tu\t3\t1\n"), NoRow));
  EXPECT_EQ(small.failure(), "window");
}

} // namespace
} // namespace itemize::sidecar::live
