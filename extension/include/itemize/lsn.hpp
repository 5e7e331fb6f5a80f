// LSNs, versions, epochs and positions: the coordinates of the change stream.
//
// A commit LSN here is always the *end* of the commit record (ReorderBufferTXN::end_lsn,
// XactLastCommitEnd): the record's start can equal a heartbeat's or a standby's replay LSN.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

namespace itemize {

/// A byte position in the write-ahead log. 0 is no position (PostgreSQL's InvalidXLogRecPtr).
using Lsn = std::uint64_t;

namespace internal {

template <typename Integer>
std::optional<Integer> ParseInteger(std::string_view text, int base) {
  Integer value{};
  const char *const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, base);
  if (text.empty() || error != std::errc() || stop != end) return std::nullopt;
  return value;
}

} // namespace internal

/// Decimal digits of an unsigned integer; nothing else, not even a sign, is accepted.
inline std::optional<std::uint64_t> ParseUint64(std::string_view text) {
  return internal::ParseInteger<std::uint64_t>(text, 10);
}

/// Longest text of an LSN in PostgreSQL's form, in bytes.
inline constexpr std::size_t kMaxPgLsnBytes = 2 * 8 + 1;

/// Writes PostgreSQL's own form, `16/B374D848`, at `out`, which has room for kMaxPgLsnBytes.
inline char *WritePgLsn(char *out, Lsn lsn) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  const auto write_half = [&out](std::uint32_t half) {
    int shift = 28;
    while (shift > 0 && (half >> static_cast<unsigned>(shift)) == 0)
      shift -= 4;
    for (; shift >= 0; shift -= 4)
      *out++ = kHex[(half >> static_cast<unsigned>(shift)) & 0xFU];
  };
  write_half(static_cast<std::uint32_t>(lsn >> 32U));
  *out++ = '/';
  write_half(static_cast<std::uint32_t>(lsn));
  return out;
}

inline std::string FormatPgLsn(Lsn lsn) {
  char text[kMaxPgLsnBytes];
  return {text, WritePgLsn(text, lsn)};
}

/// Reads `16/B374D848`; nothing when the text is not of that form.
inline std::optional<Lsn> ParsePgLsn(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto high = internal::ParseInteger<std::uint32_t>(text.substr(0, slash), 16);
  const auto low = internal::ParseInteger<std::uint32_t>(text.substr(slash + 1), 16);
  if (!high || !low) return std::nullopt;
  return (Lsn{*high} << 32U) | *low;
}

/// What made a row what it is: the commit LSN of its change and the ordinal (from 1) of the change
/// inside that transaction. Its text `<decimal LSN>-<ordinal>` is the id of a Redis stream entry.
struct Version {
  Lsn commit_lsn = 0;
  std::uint64_t ordinal = 0;

  friend bool operator==(const Version &a, const Version &b) {
    return a.commit_lsn == b.commit_lsn && a.ordinal == b.ordinal;
  }
  friend bool operator!=(const Version &a, const Version &b) { return !(a == b); }
  friend bool operator<(const Version &a, const Version &b) {
    return std::tie(a.commit_lsn, a.ordinal) < std::tie(b.commit_lsn, b.ordinal);
  }
  friend bool operator>(const Version &a, const Version &b) { return b < a; }
  friend bool operator<=(const Version &a, const Version &b) { return !(b < a); }
  friend bool operator>=(const Version &a, const Version &b) { return !(a < b); }
};

inline std::string FormatVersion(const Version &version) {
  return std::to_string(version.commit_lsn) + '-' + std::to_string(version.ordinal);
}

inline std::optional<Version> ParseVersion(std::string_view text) {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto lsn = ParseUint64(text.substr(0, dash));
  const auto ordinal = ParseUint64(text.substr(dash + 1));
  if (!lsn || !ordinal) return std::nullopt;
  return Version{*lsn, *ordinal};
}

/// The history within which LSNs may be compared. Versions of different epochs never are: they mean
/// resync.
struct Epoch {
  std::uint64_t system_identifier = 0;
  std::uint32_t timeline = 0;
  /// Unix seconds when the epoch was begun, or one more than its predecessor's: it only rises, even
  /// when Redis has lost what came before.
  std::uint64_t slot_generation = 0;

  friend bool operator==(const Epoch &a, const Epoch &b) {
    return a.system_identifier == b.system_identifier && a.timeline == b.timeline &&
           a.slot_generation == b.slot_generation;
  }
  friend bool operator!=(const Epoch &a, const Epoch &b) { return !(a == b); }
};

/// `<system identifier>.<timeline>.<slot generation>`, decimal.
inline std::string FormatEpoch(const Epoch &epoch) {
  return std::to_string(epoch.system_identifier) + '.' + std::to_string(epoch.timeline) + '.' +
         std::to_string(epoch.slot_generation);
}

inline std::optional<Epoch> ParseEpoch(std::string_view text) {
  const std::size_t first = text.find('.');
  if (first == std::string_view::npos) return std::nullopt;
  const std::size_t second = text.find('.', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  const auto system = ParseUint64(text.substr(0, first));
  const auto timeline = internal::ParseInteger<std::uint32_t>(text.substr(first + 1, second - first - 1), 10);
  const auto generation = ParseUint64(text.substr(second + 1));
  if (!system || !timeline || !generation) return std::nullopt;
  return Epoch{*system, *timeline, *generation};
}

/// The only form in which an LSN leaves the system: `<epoch>:<decimal LSN>-<ordinal>`.
struct Position {
  Epoch epoch;
  Version version;

  friend bool operator==(const Position &a, const Position &b) { return a.epoch == b.epoch && a.version == b.version; }
  friend bool operator!=(const Position &a, const Position &b) { return !(a == b); }
};

inline std::string FormatPosition(const Position &position) {
  return FormatEpoch(position.epoch) + ':' + FormatVersion(position.version);
}

inline std::optional<Position> ParsePosition(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto epoch = ParseEpoch(text.substr(0, colon));
  const auto version = ParseVersion(text.substr(colon + 1));
  if (!epoch || !version) return std::nullopt;
  return Position{*epoch, *version};
}

} // namespace itemize
