// The change event: what the output plugin writes and every later hop reads.
//
// Formats 1 to 3, documented in docs/reference/change-event.md. One message of the replication protocol is
// one *piece*: TAB separated lines, each ended by '\n', a header line first, a trailer line last. A
// row is opaque bytes: compact JSON holds neither raw TAB nor raw newline.
#pragma once

#include "itemize/lsn.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace itemize {

inline constexpr int kChangeEventFormat = 1;
/// As 1, and a deleted row of a type that is for owners alone says whose it was (Change::owner), and a definition what
/// it says to caches (Change::read).
inline constexpr int kOwnerFormat = 2;
/// As 2, and what a row was before is told where the log has all of it (Change::former).
inline constexpr int kFormerFormat = 3;

/// A former text is told up to this many bytes of UTF-8, not cut inside a character: enough to compare it with any
/// shorter one.
inline constexpr std::size_t kFormerTextBytes = 1024;

/// Largest message of the output plugin in bytes. Longer pieces (one huge row) go out as fragments.
inline constexpr std::size_t kMaxPieceBytes = std::size_t{256} * 1024;

/// First character of each line.
enum class LineKind : char {
  kBegin = 'B',
  kInsert = 'I',
  kUpdate = 'U',
  kDelete = 'D',
  kTruncate = 'T',
  kDefinition = 'Y',
  kMessage = 'M',
  kSetAside = 'X',
  kCommit = 'C',
  kPart = 'P',
  kFragment = 'F',
  kHeartbeat = 'H',
};

/// The read access of a type that is no longer defined, in a kDefinition line.
inline constexpr std::string_view kUndefinedRead = "-";

/// Stands before a topic's name where the name of an item type could stand as well: in a kDefinition line, and in
/// what is known of the types. No item type's name begins with it.
inline constexpr char kTopicMark = '@';

struct PieceHeader {
  Lsn commit_lsn = 0;
  /// 64-bit top-level transaction id; 0 in a heartbeat.
  std::uint64_t xid = 0;
  /// Microseconds since the Unix epoch; 0 in a heartbeat.
  std::int64_t commit_time = 0;
  /// Percent-encoded name of the replication origin, empty for a local change.
  std::string_view origin;
  bool heartbeat = false;
};

/// One change; which members are set depends on the kind. Views point into the piece.
struct Change {
  LineKind kind = LineKind::kInsert;
  /// From 1, rising inside the transaction.
  std::uint64_t ordinal = 0;
  std::string_view type; ///< not of a message
  std::uint64_t generation = 0;
  std::string_view key;            ///< insert, update, delete: canonical key text
  std::string_view row;            ///< insert, update
  std::string_view member_lengths; ///< insert, update
  std::string_view read;           ///< definition: read access, kUndefinedRead when it is gone; see RuleOf
  std::string_view topic;          ///< message
  std::string_view payload;        ///< message: JSON on one line
  std::string_view reason;         ///< change set aside: a stable word, then details; never the row
  /// delete, of a type that is for owners alone: whose it was, percent-encoded as a key; empty: nobody's
  std::optional<std::string_view> owner;
  /// update, delete: a JSON object of values that the row had before: of an update those that are others now. Nothing:
  /// the log does not have them. Values of some kinds are in none (change-event.md).
  std::optional<std::string_view> former;
};

namespace internal {

/// Takes the text up to the next TAB off the front of `line`; the rest of the line when there is none.
inline std::string_view TakeColumn(std::string_view &line) {
  const std::size_t tab = line.find('\t');
  const std::string_view column = line.substr(0, tab);
  line.remove_prefix(tab == std::string_view::npos ? line.size() : tab + 1);
  return column;
}

} // namespace internal

/// Reads one piece in one pass, without copies. Usage: Open, Next until it says no, then ok().
class PieceReader {
public:
  /// Nothing when the piece has no valid header of this format. A fragment is no piece: join first.
  static std::optional<PieceReader> Open(std::string_view piece) {
    PieceReader reader(piece);
    std::string_view line = reader.TakeLine();
    const std::string_view kind = internal::TakeColumn(line);
    const std::string_view format = internal::TakeColumn(line);
    if (format != "1" && format != "2" && format != "3") return std::nullopt;
    const auto lsn = ParsePgLsn(internal::TakeColumn(line));
    if (!lsn) return std::nullopt;
    reader.header_.commit_lsn = *lsn;
    if (kind == "H") {
      reader.header_.heartbeat = true;
      reader.complete_ = reader.ended_ = true;
      return reader;
    }
    if (kind != "B") return std::nullopt;
    const auto xid = ParseUint64(internal::TakeColumn(line));
    const auto time = internal::ParseInteger<std::int64_t>(internal::TakeColumn(line), 10);
    if (!xid || !time) return std::nullopt;
    reader.header_.xid = *xid;
    reader.header_.commit_time = *time;
    reader.header_.origin = line;
    return reader;
  }

  [[nodiscard]] const PieceHeader &header() const { return header_; }

  /// The next change; false at the trailer or at a malformed line.
  bool Next(Change &change) {
    if (ended_) return false;
    std::string_view line = TakeLine();
    const std::string_view kind = internal::TakeColumn(line);
    if (kind.size() != 1) return Malformed();
    change = Change{};
    change.kind = static_cast<LineKind>(kind[0]);
    switch (change.kind) {
    case LineKind::kCommit:
    case LineKind::kPart: return ReadTrailer(change.kind, line);
    case LineKind::kInsert:
    case LineKind::kUpdate:
      if (!ReadSubject(change, line)) return Malformed();
      change.key = internal::TakeColumn(line);
      change.row = internal::TakeColumn(line);
      change.member_lengths = internal::TakeColumn(line);
      if (!line.empty()) change.former = line;
      return !change.row.empty() || Malformed();
    case LineKind::kDelete:
      if (!ReadSubject(change, line)) return Malformed();
      ReadDeleted(change, line);
      return true;
    case LineKind::kTruncate: return ReadSubject(change, line) || Malformed();
    case LineKind::kDefinition:
      if (!ReadSubject(change, line)) return Malformed();
      change.read = line;
      return true;
    case LineKind::kMessage: return ReadMessage(change, line) || Malformed();
    case LineKind::kSetAside:
      if (!ReadSubject(change, line)) return Malformed();
      change.reason = line;
      return true;
    case LineKind::kBegin:
    case LineKind::kFragment:
    case LineKind::kHeartbeat: return Malformed();
    }
    return Malformed();
  }

  /// Whether the piece was read to a well-formed trailer.
  [[nodiscard]] bool ok() const { return ended_ && !malformed_; }
  /// Whether this piece is the last of its transaction. Meaningful when ok().
  [[nodiscard]] bool complete() const { return complete_; }
  /// Ordinal of the last change in this piece: with the commit LSN the id of its stream entry.
  [[nodiscard]] std::uint64_t last_ordinal() const { return last_ordinal_; }
  [[nodiscard]] Version version() const { return {header_.commit_lsn, last_ordinal_}; }

private:
  explicit PieceReader(std::string_view piece) : rest_(piece) {}

  std::string_view TakeLine() {
    const std::size_t newline = rest_.find('\n');
    const std::string_view line = rest_.substr(0, newline);
    rest_.remove_prefix(newline == std::string_view::npos ? rest_.size() : newline + 1);
    return line;
  }

  static bool ReadSubject(Change &change, std::string_view &line) {
    const auto ordinal = ParseUint64(internal::TakeColumn(line));
    change.type = internal::TakeColumn(line);
    const auto generation = ParseUint64(internal::TakeColumn(line));
    if (!ordinal || !generation || change.type.empty()) return false;
    change.ordinal = *ordinal;
    change.generation = *generation;
    return true;
  }

  /// Behind the key, both optional: an owner, in which a brace would be percent-encoded, and a JSON object.
  static void ReadDeleted(Change &change, std::string_view line) {
    std::size_t tab = line.find('\t');
    change.key = line.substr(0, tab);
    while (tab != std::string_view::npos) {
      line.remove_prefix(tab + 1);
      tab = line.find('\t');
      const std::string_view column = line.substr(0, tab);
      if (!column.empty() && column.front() == '{')
        change.former = column;
      else
        change.owner = column;
    }
  }

  static bool ReadMessage(Change &change, std::string_view &line) {
    const auto ordinal = ParseUint64(internal::TakeColumn(line));
    change.topic = internal::TakeColumn(line);
    change.payload = line;
    if (!ordinal || change.topic.empty() || change.payload.empty()) return false;
    change.ordinal = *ordinal;
    return true;
  }

  bool ReadTrailer(LineKind kind, std::string_view line) {
    const auto lsn = ParsePgLsn(internal::TakeColumn(line));
    const auto ordinal = ParseUint64(line);
    if (!lsn || *lsn != header_.commit_lsn || !ordinal || !rest_.empty()) return Malformed();
    complete_ = kind == LineKind::kCommit;
    last_ordinal_ = *ordinal;
    ended_ = true;
    return false;
  }

  bool Malformed() {
    malformed_ = ended_ = true;
    return false;
  }

  std::string_view rest_;
  PieceHeader header_;
  std::uint64_t last_ordinal_ = 0;
  bool complete_ = false;
  bool ended_ = false;
  bool malformed_ = false;
};

/// The id of a piece's stream entry without reading its changes: header and trailer only.
struct PieceBounds {
  Version version;
  bool complete = false;
};

inline std::optional<PieceBounds> ReadPieceBounds(std::string_view piece) {
  const auto reader = PieceReader::Open(piece);
  if (!reader) return std::nullopt;
  if (reader->header().heartbeat) return PieceBounds{{reader->header().commit_lsn, 0}, true};
  if (piece.size() < 2 || piece.back() != '\n') return std::nullopt;
  const std::size_t start = piece.rfind('\n', piece.size() - 2);
  if (start == std::string_view::npos) return std::nullopt;
  std::string_view trailer = piece.substr(start + 1, piece.size() - start - 2);
  const std::string_view kind = internal::TakeColumn(trailer);
  const auto lsn = ParsePgLsn(internal::TakeColumn(trailer));
  const auto ordinal = ParseUint64(trailer);
  if ((kind != "C" && kind != "P") || !lsn || *lsn != reader->header().commit_lsn || !ordinal) return std::nullopt;
  return PieceBounds{{*lsn, *ordinal}, kind == "C"};
}

/// `H<TAB>1<TAB>lsn`: says that everything up to `lsn` has been seen, though nothing of it was ours.
inline std::string FormatHeartbeat(Lsn lsn) { return "H\t1\t" + FormatPgLsn(lsn) + "\n"; }

/// Joins the fragments `F<TAB>1<TAB>lsn<TAB>k<TAB>m` of a piece that was too long for one message.
class FragmentAssembler {
public:
  enum class Result { kPiece, kIncomplete, kMalformed };

  /// Takes one message. kPiece: `piece` is a whole piece, valid until the next call. kMalformed: a
  /// fragment is missing or out of order; the assembler starts afresh.
  Result Add(std::string_view message, std::string_view &piece) {
    if (message.empty() || message[0] != static_cast<char>(LineKind::kFragment)) {
      const bool interrupted = next_ != 1;
      Reset();
      piece = message;
      return interrupted ? Result::kMalformed : Result::kPiece;
    }
    const std::size_t newline = message.find('\n');
    if (newline == std::string_view::npos) return Fail();
    std::string_view line = message.substr(0, newline);
    internal::TakeColumn(line);
    if (internal::TakeColumn(line) != "1") return Fail();
    const auto lsn = ParsePgLsn(internal::TakeColumn(line));
    const auto number = ParseUint64(internal::TakeColumn(line));
    const auto count = ParseUint64(line);
    if (!lsn || !number || !count || *number != next_ || *number > *count) return Fail();
    if (next_ == 1) {
      assembled_.clear();
      lsn_ = *lsn;
    } else if (*lsn != lsn_) {
      return Fail();
    }
    assembled_ += message.substr(newline + 1);
    if (*number < *count) {
      ++next_;
      return Result::kIncomplete;
    }
    next_ = 1;
    piece = assembled_;
    return Result::kPiece;
  }

  /// Forgets a piece begun; to be called when the replication connection is made anew.
  void Reset() { next_ = 1; }

private:
  Result Fail() {
    Reset();
    return Result::kMalformed;
  }

  std::string assembled_;
  Lsn lsn_ = 0;
  std::uint64_t next_ = 1;
};

} // namespace itemize
