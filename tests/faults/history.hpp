// A recorded history of a fault test: what was written, what was shown to whom, and what was done to the servers.
//
// Its text has one record a line, columns separated by tabs. Times are microseconds of one monotonic clock. A key's
// change is `KEY:i:BASE`, `KEY:u:BASE` (inserted, updated) or `KEY:d`; what was shown of a key is `KEY=VERSION/BASE` or
// `KEY=-` (missing). A version is the number that the writer gave to the transaction: it took it while it held the
// locks of all keys that it changes, so versions of a key rise in commit order. A base is the version whose large value
// the row carries. Live clients follow one type; a key of another one has its name before it, `TYPE/KEY`. `-` stands
// for what there is none of.
//
//   W begin end committed|rolled_back|unknown LSN VERSION change change ...
//   R begin end cluster client ASKED ANSWERED DEGRADED shown shown ...       a read; ASKED, ANSWERED: positions
//   S time cluster client LAST_ID                                          a live stream was opened
//   E time cluster client KIND ID [OP shown]                               an event of it; shown `KEY=?`: without a row
//   G number stopped started GENERATION    the database went back: history `number` (from 1) began; the highest
//                                          slot generation that was seen before
//   A number VERSION ...                   transactions that the database has as of that history
//   Z shown shown ...                      what the database has in the end
//
// LSN is a decimal upper bound of the end of the commit record, 0 when it is not known. The changes of a transaction
// are in the order in which it made them.
#pragma once

#include "itemize/lsn.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace itemize::faults {

using Time = std::int64_t;    ///< microseconds
using Number = std::uint64_t; ///< a version of a key; 0 is before all

enum class Outcome { kCommitted, kRolledBack, kUnknown };

struct KeyChange {
  std::string key;
  char operation = 'u'; ///< i, u or d
  Number base = 0;
};

struct Write {
  Time begin = 0;
  Time end = 0;
  Outcome outcome = Outcome::kUnknown;
  Lsn lsn = 0;
  Number version = 0;
  std::vector<KeyChange> changes;
};

/// What somebody was shown of a key.
struct Shown {
  std::string key;
  bool missing = false;
  bool rowless = false; ///< an event without its row
  Number version = 0;
  Number base = 0;
};

struct Read {
  Time begin = 0;
  Time end = 0;
  std::string cluster;
  std::string client;
  std::optional<Position> asked;
  std::optional<Position> answered;
  std::string degraded;
  std::vector<Shown> shown;
};

/// A line S (kind "open", the id is what was asked with) or E.
struct LiveEvent {
  Time time = 0;
  std::string cluster;
  std::string client;
  std::string kind;
  std::optional<Position> id;
  std::string operation;
  std::optional<Shown> shown;
};

/// The database went back to an earlier state of itself.
struct GoneBack {
  Time stopped = 0;
  Time started = 0;
  std::uint64_t generation = 0;
};

struct History {
  std::vector<Write> writes;
  std::vector<Read> reads;
  std::vector<LiveEvent> events;
  std::vector<GoneBack> gone_back;
  /// Per history (0 is the first) the transactions that the database had.
  std::vector<std::unordered_set<Number>> had;
  std::optional<std::vector<Shown>> final_state;
};

/// Adds the records of a text. Throws std::runtime_error with the line that it does not understand.
void ParseHistory(std::string_view text, History &history);

} // namespace itemize::faults
