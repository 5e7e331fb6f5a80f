// The lines of tail, what a snapshot contains, partitions and acknowledgements; and which keys belong to an
// installation.
#include "operate/key_sweep.hpp"
#include "operate/traces.hpp"
#include "tail/acknowledgements.hpp"
#include "tail/interest.hpp"
#include "tail/record.hpp"
#include "tail/transaction_snapshot.hpp"

#include <gtest/gtest.h>

namespace {

using namespace itemize;
using namespace itemize::sidecar;

constexpr std::string_view kEpochText = "7.1.9";

std::vector<std::string> Lines(std::string_view piece, const RecordFrame &frame) {
  auto reader = PieceReader::Open(piece);
  std::vector<std::string> lines;
  Change change;
  while (reader && reader->Next(change))
    lines.push_back(CloseRecord(OpenRecord(reader->header(), change, frame), false));
  return lines;
}

TEST(TailRecord, CarriesTheRowVerbatimAndTheTransaction) {
  const auto lines = Lines("B\t1\t0/10\t785\t1795227460517630\tother%2Cnode\n"
                           "I\t1\tlisting\t4\ta%2Cb\t{\"id\":1.50,\"t\":\"\\u00e9\"}\t9,10\n"
                           "U\t2\tlisting\t4\t1\t{\"id\":1}\t6,0\n"
                           "D\t3\tlisting\t4\t1\n"
                           "C\t0/10\t3\n",
                           {kEpochText, std::nullopt});
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0], "{\"position\":\"7.1.9:16-1\",\"op\":\"insert\",\"type\":\"listing\",\"key\":\"a%2Cb\","
                      "\"item\":{\"id\":1.50,\"t\":\"\\u00e9\"},\"generation\":4,\"xid\":785,"
                      "\"time\":\"2026-11-21T02:17:40.517630Z\",\"origin\":\"other%2Cnode\"}\n");
  EXPECT_NE(lines[1].find("\"item\":{\"id\":1},\"absent\":[2],"), std::string::npos);
  EXPECT_EQ(lines[2].find("item\":"), std::string::npos);
}

TEST(TailRecord, HasNoPositionWithoutAnEpochAndNamesItsPartition) {
  const auto lines = Lines("B\t1\t0/10\t785\t0\t\nT\t1\tlisting\t4\nC\t0/10\t1\n", {{}, 5});
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0], "{\"op\":\"truncate\",\"type\":\"listing\",\"generation\":4,\"xid\":785,"
                      "\"time\":\"1970-01-01T00:00:00.000000Z\",\"partition\":5}\n");
}

TEST(TailRecord, TellsOfMessagesAndOfChangesSetAside) {
  const auto lines = Lines("B\t1\t0/10\t785\t0\t\nM\t1\torders.paid\t{\"id\":7}\n"
                           "X\t2\tlisting\t4\ttoo_large \"x\"\nC\t0/10\t2\n",
                           {kEpochText, std::nullopt});
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0].find("{\"position\":\"7.1.9:16-1\",\"op\":\"message\",\"topic\":\"orders.paid\","
                          "\"payload\":{\"id\":7},\"xid\":785,"),
            0U);
  EXPECT_NE(lines[1].find("\"op\":\"set_aside\",\"type\":\"listing\",\"reason\":\"too_large \\\"x\\\"\""),
            std::string::npos);
}

TEST(TailRecord, EscapesText) { EXPECT_EQ(JsonString("a\"\\\n\x01ü"), "\"a\\\"\\\\\\n\\u0001ü\""); }

TEST(TransactionSnapshot, ContainsWhatHadCommitted) {
  const auto snapshot = TransactionSnapshot::Parse("100:110:100,105");
  ASSERT_TRUE(snapshot);
  EXPECT_TRUE(snapshot->Contains(99));
  EXPECT_FALSE(snapshot->Contains(100));
  EXPECT_TRUE(snapshot->Contains(104));
  EXPECT_FALSE(snapshot->Contains(105));
  EXPECT_TRUE(snapshot->Contains(109));
  EXPECT_FALSE(snapshot->Contains(110));
  EXPECT_TRUE(TransactionSnapshot::Parse("7:7:")->Contains(6));
  EXPECT_FALSE(TransactionSnapshot::Parse("7:7"));
  EXPECT_FALSE(TransactionSnapshot::Parse("7:8:x"));
}

TEST(TailInterest, TypesAndTopicsAreApart) {
  TailOptions options;
  options.types = {"listing"};
  options.topics = {"*"};
  const Interest interest(options);
  Change change;
  change.type = "listing";
  EXPECT_TRUE(interest.Wants(change));
  change.type = "other";
  EXPECT_FALSE(interest.Wants(change));
  change.kind = LineKind::kDefinition;
  change.type = "@any";
  EXPECT_TRUE(interest.Wants(change));
  change.kind = LineKind::kMessage;
  change.topic = "any";
  EXPECT_TRUE(interest.Wants(change));
  options.topics = {"some"};
  EXPECT_FALSE(interest.Wants(change));
}

// Positions are kept for each partition: another hash would skip changes after an upgrade.
TEST(TailPartitions, AreTheSameInEveryVersion) {
  EXPECT_EQ(StableHash(""), 0xcbf29ce484222325U);
  EXPECT_EQ(StableHash("a"), 0xaf63dc4c8601ec8cU);
  EXPECT_EQ(StableHash("foobar"), 0x85944171f73967e8U);
  EXPECT_EQ(PartitionOf("a", "1"), StableHash("a\t1") % 64);
}

TEST(Outstanding, AcknowledgesEverythingPrintedBefore) {
  Outstanding outstanding;
  outstanding.Add(1, {10, 1});
  outstanding.Add(2, {10, 2});
  outstanding.Add(1, {11, 1});
  outstanding.Add(3, {12, 1});
  EXPECT_TRUE(outstanding.Acknowledge({9, 1}).empty());
  const auto done = outstanding.Acknowledge({11, 1});
  EXPECT_EQ(done.size(), 2U);
  EXPECT_EQ(done.at(1), (Version{11, 1}));
  EXPECT_EQ(done.at(2), (Version{10, 2}));
  EXPECT_FALSE(outstanding.Has(1));
  EXPECT_TRUE(outstanding.Has(3));
  outstanding.Drop(3);
  EXPECT_EQ(outstanding.size(), 0U);
}

TEST(Outstanding, ALineForEveryPartitionIsAcknowledgedOnceForEach) {
  Outstanding outstanding;
  outstanding.Add(1, {10, 1});
  outstanding.Add(2, {10, 1});
  EXPECT_EQ(outstanding.Acknowledge({10, 1}).count(1), 1U);
  EXPECT_EQ(outstanding.size(), 1U);
  EXPECT_EQ(outstanding.Acknowledge({10, 1}).count(2), 1U);
}

TEST(Acknowledgement, IsAPositionOrTheLineItself) {
  const Position position{{7, 1, 9}, {16, 1}};
  EXPECT_EQ(ParseAcknowledgement("7.1.9:16-1"), position);
  EXPECT_EQ(ParseAcknowledgement("7.1.9:16-1\r"), position);
  EXPECT_EQ(ParseAcknowledgement("{\"position\":\"7.1.9:16-1\",\"op\":\"delete\"}"), position);
  EXPECT_FALSE(ParseAcknowledgement("done"));
}

TEST(Prefix, IsNotThatOfALongerOne) {
  EXPECT_TRUE(BelongsToPrefix("shop", "shop:epoch"));
  EXPECT_TRUE(BelongsToPrefix("shop", "shop:{7.1.9}:stream"));
  EXPECT_TRUE(BelongsToPrefix("shop", "shop:{7.1.9.5}:item:a:1.0:x:y"));
  EXPECT_FALSE(BelongsToPrefix("shop", "shop:blue:epoch"));
  EXPECT_FALSE(BelongsToPrefix("shop", "shop:blue:{7.1.9}:stream"));
  EXPECT_FALSE(BelongsToPrefix("shop", "shopper:epoch"));
  EXPECT_FALSE(BelongsToPrefix("shop", "shop:"));
}

TEST(Traces, AreOfTheItemAlone) {
  const ItemName item{"person", "be,1"};
  EXPECT_TRUE(IsKeyOfItem("itemize:{7.1.9.5}:item:person:3.0:be,1", item));
  EXPECT_TRUE(IsKeyOfItem("itemize:{7.1.9.5}:fill:person:3.0:be,1", item));
  EXPECT_FALSE(IsKeyOfItem("itemize:{7.1.9.5}:item:person:3.0:be,11", item));
  EXPECT_FALSE(IsKeyOfItem("itemize:{7.1.9.5}:item:persons:3.0:be,1", item));
  EXPECT_FALSE(IsKeyOfItem("itemize:{7.1.9}:stream", item));
  EXPECT_TRUE(TellsOfItem("B\t1\t0/10\t785\t0\t\nD\t1\tperson\t3\tbe,1\nC\t0/10\t1\n", item));
  EXPECT_FALSE(TellsOfItem("B\t1\t0/10\t785\t0\t\nD\t1\tperson\t3\tbe,10\nC\t0/10\t1\n", item));
}

} // namespace
