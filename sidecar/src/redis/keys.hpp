// The layout of what the sidecars keep in Redis: every key and every hash field is named here.
//
// Global Redis, P = prefix, E = epoch text:
//   P:epoch        string: E of the running epoch; only rises
//   P:owner        string: token of the active publisher; expires when it does not renew its lease
//   P:holder       string: "<token> <pid>", the active publisher's walsender
//   P:{E}:stream   stream: field p = piece, id `<commit LSN>-<ordinal>`
//   P:{E}:types    hash: type, or topic with its mark (kTopicMark) -> "<generation> <read>"
//   P:{E}:size     hash: b bytes and n entries published so far; mb, mn, mt: b, n and the time of the last mark; e
//                  id of the newest entry with an erasure; g id of the newest entry of more than kSmallPieceBytes
//   P:{E}:marks    stream: under ids of the stream, how much had been published by then: b bytes, n entries, t Unix
//                  milliseconds; by them the stream is trimmed
//   P:{E}:passed   stream of one entry: under an LSN as id, a = the id of an entry of the stream. With that entry the
//                  stream has everything that is its own of the write-ahead log up to the LSN
//   P:{E}:followed string: some cluster follows P:{E}:passed; expires when none says so again
//   P:{E}:clusters hash: cluster -> "<applied id> <Unix ms of the report> <complete LSN> <namespace of the copy>"
//   P:{E}:groups   hash: consumer group -> "<id acknowledged by all> <Unix ms of the report>"
//   P:{E}:group:G  hash: the group's members, owners and positions, see tail/group_store.cpp
// Local Redis:
//   P:local        hash: what the applier has reached, see LocalField
//   P:coherence    string: token of the sidecar whose turn it is to compare the copy with the database
//   P:awaited      string: somebody waits for what no entry tells; for a while the applier follows P:{E}:passed
//   N:…            everything else lives in a namespace N = P:{E.R}. R is the time of the copy's last
//                  reset in Unix milliseconds, so that what a reset left behind is unreachable at once
//                  and expires by itself.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace itemize::sidecar {

/// The field of a stream entry that holds the piece, or the pieces of an entry of a local stream, back to back.
inline constexpr std::string_view kPieceField = "p";
/// Of an entry with several pieces: `<id> <bytes>` of each, all separated by a space.
inline constexpr std::string_view kIndexField = "i";

/// Of entries up to this size, many may be asked for at once.
inline constexpr std::size_t kSmallPieceBytes = 4096;

class GlobalKeys {
public:
  explicit GlobalKeys(std::string prefix) : prefix_(std::move(prefix)) {}

  [[nodiscard]] std::string Epoch() const { return prefix_ + ":epoch"; }
  [[nodiscard]] std::string Owner() const { return prefix_ + ":owner"; }
  [[nodiscard]] std::string Stream(std::string_view epoch) const { return InEpoch(epoch, "stream"); }
  [[nodiscard]] std::string Types(std::string_view epoch) const { return InEpoch(epoch, "types"); }
  [[nodiscard]] std::string Holder() const { return prefix_ + ":holder"; }
  [[nodiscard]] std::string Size(std::string_view epoch) const { return InEpoch(epoch, "size"); }
  [[nodiscard]] std::string Marks(std::string_view epoch) const { return InEpoch(epoch, "marks"); }
  [[nodiscard]] std::string Passed(std::string_view epoch) const { return InEpoch(epoch, "passed"); }
  [[nodiscard]] std::string Followed(std::string_view epoch) const { return InEpoch(epoch, "followed"); }
  [[nodiscard]] std::string Clusters(std::string_view epoch) const { return InEpoch(epoch, "clusters"); }
  [[nodiscard]] std::string Groups(std::string_view epoch) const { return InEpoch(epoch, "groups"); }
  [[nodiscard]] std::string Group(std::string_view epoch, std::string_view group) const {
    return InEpoch(epoch, "group:") + std::string(group);
  }

private:
  [[nodiscard]] std::string InEpoch(std::string_view epoch, std::string_view name) const {
    return prefix_ + ":{" + std::string(epoch) + "}:" + std::string(name);
  }

  std::string prefix_;
};

/// Key of the hash with the LocalField fields.
inline std::string LocalStateKey(const std::string &prefix) { return prefix + ":local"; }

inline std::string AwaitedKey(const std::string &prefix) { return prefix + ":awaited"; }

inline std::string CoherenceTurnKey(const std::string &prefix) { return prefix + ":coherence"; }

/// Fields of P:local. They change together, inside one script.
struct LocalField {
  static constexpr const char *kEpoch = "epoch";
  static constexpr const char *kNamespace = "namespace"; ///< LocalNamespace::name()
  static constexpr const char *kApplied = "applied";     ///< `<commit LSN>-<ordinal>` of the last entry applied
  /// Decimal LSN: every transaction up to here is applied whole. Moves with a piece that ends its transaction, with
  /// a heartbeat and, while that is awaited, with GlobalKeys::Passed; while a transaction in several pieces is under
  /// way it stays behind kApplied.
  static constexpr const char *kComplete = "complete";
  /// `<commit LSN>-<ordinal>` of the last change written of the piece after kApplied, while that piece, too large for
  /// one step, is written in several.
  static constexpr const char *kStep = "step";
  /// Id of an entry with an erasure, up to which the local stream is cut off with the first entry that comes 2 s or
  /// more after it (kErasedAt: milliseconds, of this Redis' clock); and the newest one since, whose turn is next.
  static constexpr const char *kErased = "erased";
  static constexpr const char *kErasedAt = "erased_at";
  static constexpr const char *kErasedNext = "erased_next";
  static constexpr const char *kErasedNextAt = "erased_next_at";
  /// Id of the piece of kStep when it has an erasure.
  static constexpr const char *kErases = "erases";
  /// RedisConnection::RunId() of the server in which the applier has seen the copy at the end of the stream. A Redis
  /// that came back from an older snapshot is another one, and not to be read before its applier has caught up.
  static constexpr const char *kServer = "server";
  /// `<LSN> <server> <namespace>`: end of the primary's WAL when the newest fill from there was read. A standby that
  /// has not replayed this much may show less than that fill has. Does not hold for another server or namespace.
  static constexpr const char *kAhead = "ahead";
  static constexpr const char *kReset = "reset"; ///< R: when the copy was begun anew, only rises
};

/// Fields of an item's hash. Either kDeleted or kRow and kLengths.
struct ItemField {
  static constexpr const char *kRow = "r";
  static constexpr const char *kLengths = "l"; ///< member lengths, none of them 0
  static constexpr const char *kDeleted = "d"; ///< "1": known to be missing
  /// Set by a fill: text of the pg_current_snapshot() the row was read under. The applier leaves events
  /// alone whose transaction it contains (the fill was ahead of the stream, I2), and drops the field
  /// with the first event that it does not contain.
  static constexpr const char *kSnapshot = "s";
  /// Set by a comparison with the database (coherence), whose token it holds: gone with the first event of the key
  /// that passes, whatever becomes of it, and with the item.
  static constexpr const char *kWatch = "w";
  /// Set by a reader that keeps the row in its memory, unlike any other ever set: as long as it stands, so does the
  /// row. The applier drops it with the row that it was put on.
  static constexpr const char *kStamp = "v";
};

/// Fields of a rendered page's hash, all set.
struct PageField {
  static constexpr const char *kBody = "b";
  static constexpr const char *kContentType = "c";
  static constexpr const char *kEntityTag = "e";
  /// For each item that it was made of a line `type<TAB>key<TAB>stamp` (ItemField::kStamp): as long as all of the
  /// stamps stand, so does the page.
  static constexpr const char *kItems = "i";
};

/// The keys of one local copy. GEN = "<generation>.<truncations>", see LocalTypes.
class LocalNamespace {
public:
  LocalNamespace(const std::string &prefix, std::string_view epoch, std::uint64_t reset)
      : name_(prefix + ":{" + std::string(epoch) + "." + std::to_string(reset) + "}") {}
  /// From LocalField::kNamespace.
  explicit LocalNamespace(std::string name) : name_(std::move(name)) {}

  [[nodiscard]] const std::string &name() const { return name_; }

  /// The pieces of the global stream. Small ones may stand together in one entry, under the id of the last; see
  /// PiecesOfEntry. Readers stand between pieces.
  [[nodiscard]] std::string Stream() const { return name_ + std::string(kStream); }
  /// String: every entry after this id is in the local stream. See local_stream_size.hpp for kSize and kSegments
  /// beside it.
  [[nodiscard]] std::string Base() const { return name_ + std::string(kBase); }
  /// Stream: what a comparison with the database has found wrong and dropped; p the version applied then, and t type
  /// and k key, or neither: more than are worth a word each.
  [[nodiscard]] std::string Healed() const { return name_ + std::string(kHealed); }
  /// Hash: type, or topic with its mark -> "<generation> <read> <truncations>"; read "-" for one that is gone.
  [[nodiscard]] std::string Types() const { return name_ + std::string(kTypes); }
  /// Hash with ItemField fields.
  [[nodiscard]] std::string Item(std::string_view type, std::string_view gen, std::string_view key) const {
    return Keyed(kItem, type, gen, key);
  }
  /// List, the marker of a fill in progress: first `<applied version when it was set> <Unix milliseconds of the last
  /// grant> <token>`, then one element
  /// `xid<TAB>kind<TAB>row<TAB>member lengths` for each event of the key that passed since.
  [[nodiscard]] std::string Fill(std::string_view type, std::string_view gen, std::string_view key) const {
    return Keyed(kFill, type, gen, key);
  }

  static constexpr std::string_view kStream = ":local:stream";
  static constexpr std::string_view kBase = ":local:base";
  static constexpr std::string_view kSize = ":local:size";
  static constexpr std::string_view kSegments = ":local:segments";
  static constexpr std::string_view kTypes = ":local:types";
  static constexpr std::string_view kHealed = ":local:healed";
  /// Sorted set: the fills under way, see pending_fills.hpp; by the time at which their markers are gone.
  static constexpr std::string_view kFills = ":local:fills";
  static constexpr std::string_view kItem = ":item:";
  static constexpr std::string_view kFill = ":fill:";
  /// Before the path: hash with PageField fields.
  static constexpr std::string_view kPage = ":page:";

private:
  [[nodiscard]] std::string Keyed(std::string_view room, std::string_view type, std::string_view gen,
                                  std::string_view key) const {
    std::string name = name_;
    name.reserve(name.size() + room.size() + type.size() + gen.size() + key.size() + 2);
    name += room;
    name += type;
    name += ':';
    name += gen;
    name += ':';
    name += key;
    return name;
  }

  std::string name_;
};

/// A fill marker that has collected this many events is deleted: the key changes faster than it can
/// be filled, and the fill that finds no marker tries again.
inline constexpr int kMaxFillEvents = 256;

} // namespace itemize::sidecar
