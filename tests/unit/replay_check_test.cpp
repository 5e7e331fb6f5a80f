// What the slot repeats after a crash is in the stream already; what a restored database tells is not.
#include "global/replay_check.hpp"

#include <gtest/gtest.h>

namespace itemize::sidecar {
namespace {

StreamedPiece Piece(Lsn lsn, std::uint64_t ordinal, std::uint64_t xid) {
  StreamedPiece piece;
  piece.version = {lsn, ordinal};
  piece.header.commit_lsn = lsn;
  piece.header.xid = xid;
  piece.header.commit_time = static_cast<std::int64_t>(lsn * 10);
  piece.header.heartbeat = xid == 0;
  return piece;
}

/// A stream that gives two entries at a time.
ReplayCheck CheckOf(std::vector<StreamedPiece> stream, Lsn confirmed) {
  const Version first = stream.front().version;
  return {[stream = std::move(stream)](const Version &after) {
            std::vector<StreamedPiece> some;
            for (const StreamedPiece &piece : stream) {
              if (after < piece.version && some.size() < 2) some.push_back(piece);
            }
            return some;
          },
          first, confirmed};
}

// Confirmed is 200: transactions 300 (in two pieces), 500 and 600 and two heartbeats are to be repeated.
ReplayCheck Check() {
  return CheckOf({Piece(200, 1, 7), Piece(250, 0, 0), Piece(300, 4, 8), Piece(300, 9, 8), Piece(400, 0, 0),
                  Piece(500, 1, 9), Piece(600, 1, 10)},
                 200);
}

PieceHeader Header(Lsn lsn, std::uint64_t xid) { return Piece(lsn, 1, xid).header; }

TEST(ReplayCheck, TheSameAgain) {
  ReplayCheck check = Check();
  EXPECT_FALSE(check.Complete());
  EXPECT_TRUE(check.Repeats(Header(300, 8)));
  EXPECT_TRUE(check.Repeats(Header(300, 8))) << "pieces may have other bounds";
  EXPECT_TRUE(check.Repeats(Header(500, 9)));
  EXPECT_FALSE(check.Complete());
  EXPECT_TRUE(check.Repeats(Header(600, 10)));
  EXPECT_TRUE(check.Complete());
  EXPECT_EQ(check.agreed(), 600U);
}

TEST(ReplayCheck, AnotherTransaction) {
  ReplayCheck other = Check();
  EXPECT_TRUE(other.Repeats(Header(300, 8)));
  EXPECT_FALSE(other.Repeats(Header(450, 9))) << "another place";
  EXPECT_EQ(other.agreed(), 300U);
  EXPECT_FALSE(Check().Repeats(Header(300, 9))) << "another transaction id";
  EXPECT_FALSE(Check().Repeats(Header(500, 9))) << "one is left out";
  PieceHeader later = Header(300, 8);
  later.commit_time += 1;
  EXPECT_FALSE(Check().Repeats(later)) << "another time";
}

TEST(ReplayCheck, NothingIsRepeated) {
  EXPECT_FALSE(Check().Complete());
  EXPECT_TRUE(CheckOf({Piece(200, 1, 7), Piece(250, 0, 0)}, 200).Complete()) << "heartbeats are not";
  EXPECT_FALSE(CheckOf({Piece(200, 1, 7), Piece(250, 0, 0)}, 200).Repeats(Header(240, 8)));
  EXPECT_TRUE(ReplayCheck().Complete());
}

TEST(ReplayCheck, WhatIsBeforeTheEpochIsNotCompared) {
  ReplayCheck check = CheckOf({Piece(250, 0, 0), Piece(300, 1, 8)}, 200);
  EXPECT_TRUE(check.Repeats(Header(220, 6)));
  EXPECT_TRUE(check.Repeats(Header(250, 7))) << "the epoch began with a heartbeat at its end";
  EXPECT_TRUE(check.Repeats(Header(300, 8)));
  EXPECT_TRUE(check.Complete());
}

TEST(ReplayCheck, WhatWasTrimmedIsNotCompared) {
  ReplayCheck check = CheckOf({Piece(500, 1, 9), Piece(600, 1, 10)}, 200);
  EXPECT_TRUE(check.Repeats(Header(300, 8)));
  EXPECT_TRUE(check.Repeats(Header(500, 9)));
  EXPECT_FALSE(check.Repeats(Header(600, 11)));
}

TEST(ReplayCheck, TheRestOfATransactionIsNotRead) {
  std::vector<StreamedPiece> stream{Piece(200, 1, 7)};
  for (std::uint64_t ordinal = 1; ordinal <= 1000; ++ordinal)
    stream.push_back(Piece(300, ordinal, 8));
  stream.push_back(Piece(500, 1, 9));
  int questions = 0;
  ReplayCheck check(
      [&](const Version &after) {
        ++questions;
        std::vector<StreamedPiece> some;
        for (const StreamedPiece &piece : stream) {
          if (after < piece.version && some.size() < 2) some.push_back(piece);
        }
        return some;
      },
      {200, 1}, 200);
  EXPECT_TRUE(check.Repeats(Header(300, 8)));
  EXPECT_TRUE(check.Repeats(Header(500, 9)));
  EXPECT_TRUE(check.Complete());
  EXPECT_EQ(questions, 3);
}

} // namespace
} // namespace itemize::sidecar
