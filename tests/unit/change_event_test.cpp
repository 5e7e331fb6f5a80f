// The envelope's reader, on pieces as the plugin writes them and on what it must refuse.
#include "itemize/change_event.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace {

using namespace itemize;

const std::string kPiece = "B\t1\t16/B374D848\t731\t1795227282631049\tnode%201\n"
                           "Y\t1\tlisting\t7\teveryone\n"
                           "I\t2\tlisting\t7\t1,a%2Cb\t{\"id\":1,\"name\":\"\\t\"}\t6,11\n"
                           "U\t3\tlisting\t7\t1\t{\"id\":1}\t6,0\n"
                           "D\t4\tlisting\t7\t1\n"
                           "T\t5\tlisting\t7\n"
                           "M\t6\torders.new\t{\"note\":\"a\\tb\"}\n"
                           "X\t7\tlisting\t7\tencode_failed SQLSTATE 22P03\n"
                           "C\t16/B374D848\t7\n";
constexpr Lsn kLsn = (Lsn{0x16} << 32U) | 0xB374D848U;

std::vector<Change> ReadAll(PieceReader &reader) {
  std::vector<Change> changes;
  Change change;
  while (reader.Next(change))
    changes.push_back(change);
  return changes;
}

TEST(PieceReader, ReadsEveryKindOfChange) {
  auto reader = PieceReader::Open(kPiece);
  ASSERT_TRUE(reader.has_value());
  EXPECT_EQ(reader->header().commit_lsn, kLsn);
  EXPECT_EQ(reader->header().xid, 731U);
  EXPECT_EQ(reader->header().commit_time, 1795227282631049);
  EXPECT_EQ(reader->header().origin, "node%201");
  const auto changes = ReadAll(*reader);
  ASSERT_TRUE(reader->ok());
  ASSERT_EQ(changes.size(), 7U);
  EXPECT_EQ(changes[0].kind, LineKind::kDefinition);
  EXPECT_EQ(changes[0].read, "everyone");
  EXPECT_EQ(changes[1].kind, LineKind::kInsert);
  EXPECT_EQ(changes[1].ordinal, 2U);
  EXPECT_EQ(changes[1].type, "listing");
  EXPECT_EQ(changes[1].generation, 7U);
  EXPECT_EQ(changes[1].key, "1,a%2Cb");
  EXPECT_EQ(changes[1].row, R"({"id":1,"name":"\t"})");
  EXPECT_EQ(changes[1].member_lengths, "6,11");
  EXPECT_EQ(changes[2].member_lengths, "6,0");
  EXPECT_EQ(changes[3].key, "1");
  EXPECT_EQ(changes[4].kind, LineKind::kTruncate);
  EXPECT_EQ(changes[5].kind, LineKind::kMessage);
  EXPECT_EQ(changes[5].ordinal, 6U);
  EXPECT_EQ(changes[5].type, "");
  EXPECT_EQ(changes[5].topic, "orders.new");
  EXPECT_EQ(changes[5].payload, R"({"note":"a\tb"})");
  EXPECT_EQ(changes[6].kind, LineKind::kSetAside);
  EXPECT_EQ(changes[6].type, "listing");
  EXPECT_EQ(changes[6].generation, 7U);
  EXPECT_EQ(changes[6].reason, "encode_failed SQLSTATE 22P03");
  EXPECT_TRUE(reader->complete());
  EXPECT_EQ(reader->version(), (Version{kLsn, 7}));
}

TEST(PieceReader, InFormat2ADeleteMaySayWhoseItWas) {
  auto reader = PieceReader::Open("B\t2\t0/10\t1\t0\t\nD\t1\ta\t1\tk\tann%2Fb\nD\t2\ta\t1\tl\t\nD\t3\tb\t1\tm\n"
                                  "C\t0/10\t3\n");
  ASSERT_TRUE(reader);
  std::vector<std::pair<std::string, std::string>> told;
  Change change;
  while (reader->Next(change))
    told.emplace_back(change.key, change.owner.value_or("untold"));
  EXPECT_TRUE(reader->ok() && reader->complete());
  EXPECT_EQ(told, (decltype(told){{"k", "ann%2Fb"}, {"l", ""}, {"m", "untold"}}));
}

TEST(PieceReader, InFormat3AnUpdateAndADeleteMaySayWhatTheRowWas) {
  auto reader = PieceReader::Open("B\t3\t0/10\t1\t0\t\nU\t1\ta\t1\tk\t{\"n\":1}\t5\t{\"n\":2}\n"
                                  "U\t2\ta\t1\tk\t{}\t0\nD\t3\ta\t1\tk\t{\"n\":3}\n"
                                  "D\t4\tb\t1\tk\tann\t{\"n\":4}\nD\t5\tb\t1\tk\t\t{}\nD\t6\tb\t1\tk\t\nD\t7\tb\t1\tk\n"
                                  "C\t0/10\t7\n");
  ASSERT_TRUE(reader);
  std::vector<std::string> told;
  for (const Change &change : ReadAll(*reader)) {
    told.push_back(std::string(change.former.value_or("untold")) + ' ' + std::string(change.owner.value_or("untold")) +
                   ' ' + std::string(change.member_lengths));
    EXPECT_EQ(change.key, "k");
  }
  EXPECT_TRUE(reader->ok() && reader->complete());
  EXPECT_EQ(told, (decltype(told){"{\"n\":2} untold 5", "untold untold 0", "{\"n\":3} untold ", "{\"n\":4} ann ",
                                  "{}  ", "untold  ", "untold untold "}));
}

TEST(PieceReader, APartIsNotComplete) {
  const std::string piece = "B\t1\t0/10\t1\t0\t\nD\t1\ta\t1\tk\nP\t0/10\t1\n";
  auto reader = PieceReader::Open(piece);
  ASSERT_TRUE(reader.has_value());
  EXPECT_EQ(ReadAll(*reader).size(), 1U);
  EXPECT_TRUE(reader->ok());
  EXPECT_FALSE(reader->complete());
}

TEST(PieceReader, AHeartbeatHasNoChanges) {
  const std::string piece = FormatHeartbeat(0x15946D8);
  EXPECT_EQ(piece, "H\t1\t0/15946D8\n");
  auto reader = PieceReader::Open(piece);
  ASSERT_TRUE(reader.has_value());
  EXPECT_TRUE(reader->header().heartbeat);
  EXPECT_TRUE(ReadAll(*reader).empty());
  EXPECT_TRUE(reader->ok());
  EXPECT_EQ(reader->version(), (Version{0x15946D8, 0}));
}

TEST(PieceReader, RefusesOtherHeaders) {
  for (const char *piece : {"", "\n", "B", "B\t4\t0/10\t1\t0\t\n", "B\t1\tx\t1\t0\t\n", "B\t1\t0/10\t-1\t0\t\n",
                            "B\t1\t0/10\t1\tx\t\n", "Q\t1\t0/10\t1\t0\t\n", "H\t1\t\n", "F\t1\t0/10\t1\t1\nB"}) {
    EXPECT_FALSE(PieceReader::Open(piece).has_value()) << piece;
  }
}

TEST(PieceReader, IsNotOkAfterAMalformedLine) {
  const std::string header = "B\t1\t0/10\t1\t0\t\n";
  for (const char *rest : {"", "D\t1\ta\t1\tk\n", "D\tx\ta\t1\tk\nC\t0/10\t1\n", "D\t1\t\t1\tk\nC\t0/10\t1\n",
                           "D\t1\ta\tx\tk\nC\t0/10\t1\n", "I\t1\ta\t1\tk\nC\t0/10\t1\n", "M\tx\ta\t1\nC\t0/10\t1\n",
                           "M\t1\t\t1\nC\t0/10\t1\n", "M\t1\ta\nC\t0/10\t1\n", "X\t1\ta\tx\tr\nC\t0/10\t1\n",
                           "Q\t1\nC\t0/10\t1\n", "\nC\t0/10\t1\n", "C\t0/11\t1\n", "C\t0/10\tx\n",
                           "C\t0/10\t1\nD\t2\ta\t1\tk\n", "B\t1\t0/10\t1\t0\t\nC\t0/10\t1\n"}) {
    const std::string piece = header + rest;
    auto reader = PieceReader::Open(piece);
    ASSERT_TRUE(reader.has_value()) << rest;
    ReadAll(*reader);
    EXPECT_FALSE(reader->ok()) << rest;
  }
}

TEST(PieceBounds, AgreeWithTheReader) {
  const auto bounds = ReadPieceBounds(kPiece);
  ASSERT_TRUE(bounds.has_value());
  EXPECT_EQ(bounds->version, (Version{kLsn, 7}));
  EXPECT_TRUE(bounds->complete);
  const auto heartbeat = ReadPieceBounds(FormatHeartbeat(16));
  ASSERT_TRUE(heartbeat.has_value());
  EXPECT_EQ(heartbeat->version, (Version{16, 0}));
}

TEST(PieceBounds, ATruncatedPieceHasNone) {
  for (std::size_t length = 0; length < kPiece.size(); ++length) {
    EXPECT_FALSE(ReadPieceBounds(std::string_view(kPiece).substr(0, length)).has_value()) << length;
  }
}

std::vector<std::string> Fragments(const std::string &piece, std::size_t size) {
  const std::size_t count = (piece.size() + size - 1) / size;
  std::vector<std::string> fragments;
  for (std::size_t i = 0; i < count; ++i) {
    fragments.push_back("F\t1\t16/B374D848\t" + std::to_string(i + 1) + "\t" + std::to_string(count) + "\n" +
                        piece.substr(i * size, size));
  }
  return fragments;
}

TEST(FragmentAssembler, JoinsWhatWasCutAnywhere) {
  for (const std::size_t size : {std::size_t{1}, std::size_t{7}, std::size_t{50}, kPiece.size()}) {
    FragmentAssembler assembler;
    std::string_view piece;
    const auto fragments = Fragments(kPiece, size);
    for (std::size_t i = 0; i < fragments.size(); ++i) {
      const auto expected =
          i + 1 < fragments.size() ? FragmentAssembler::Result::kIncomplete : FragmentAssembler::Result::kPiece;
      ASSERT_EQ(assembler.Add(fragments[i], piece), expected);
    }
    EXPECT_EQ(piece, kPiece);
    EXPECT_EQ(assembler.Add(kPiece, piece), FragmentAssembler::Result::kPiece);
    EXPECT_EQ(piece, kPiece);
  }
}

TEST(FragmentAssembler, NoticesWhatIsMissing) {
  const auto fragments = Fragments(kPiece, 50);
  FragmentAssembler assembler;
  std::string_view piece;
  EXPECT_EQ(assembler.Add(fragments[1], piece), FragmentAssembler::Result::kMalformed);
  EXPECT_EQ(assembler.Add(fragments[0], piece), FragmentAssembler::Result::kIncomplete);
  EXPECT_EQ(assembler.Add(fragments[2], piece), FragmentAssembler::Result::kMalformed);
  EXPECT_EQ(assembler.Add(fragments[0], piece), FragmentAssembler::Result::kIncomplete);
  EXPECT_EQ(assembler.Add(kPiece, piece), FragmentAssembler::Result::kMalformed);
  for (const char *message :
       {"F", "F\t1\t0/1\t1\t1", "F\t2\t0/1\t1\t1\nx", "F\t1\tx\t1\t1\nx", "F\t1\t0/1\t0\t1\nx", "F\t1\t0/1\t2\t1\nx"}) {
    EXPECT_EQ(assembler.Add(message, piece), FragmentAssembler::Result::kMalformed) << message;
  }
}

} // namespace
