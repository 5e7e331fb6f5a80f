// Direct encoders of the common types: plain C++ on plain values, unit-tested without a server.
//
// Each Write function writes at `out`, for which the caller has reserved the stated number of bytes,
// and returns the new end. The forms are those of to_jsonb with TimeZone = UTC.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace itemize::json {

inline constexpr std::size_t kMaxInt64Bytes = 20; // with a sign, or unsigned
inline constexpr std::size_t kMaxShortDoubleBytes = 18;
inline constexpr std::size_t kMaxDateBytes = 12;      // quotes included
inline constexpr std::size_t kMaxTimestampBytes = 36; // quotes included
inline constexpr std::size_t kUuidBytes = 38;         // quotes included
inline constexpr std::size_t kMaxEscapedBytes = 6;    // \u00XX
inline constexpr std::int64_t kMicrosecondsPerDay = 86'400'000'000LL;

char *WriteInt64(char *out, std::int64_t value);
char *WriteUint64(char *out, std::uint64_t value);

namespace internal {

/// The numbers below 1000: three places for digits, then how many are taken.
struct SmallNumbers {
  char entries[1000][4] = {};

  constexpr SmallNumbers() {
    for (int number = 0; number < 1000; ++number) {
      char *const entry = entries[number];
      int taken = 0;
      for (const int unit : {100, 10, 1}) {
        if (number >= unit || unit == 1) entry[taken++] = static_cast<char>('0' + number / unit % 10);
      }
      entry[3] = static_cast<char>(taken);
    }
  }
};
inline constexpr SmallNumbers kSmallNumbers;

} // namespace internal

/// WriteUint64 for a number that is mostly small: a length, an ordinal. Takes up to 4 bytes of room for fewer digits.
inline char *WriteCount(char *out, std::uint64_t count) {
  if (count >= 1000) return WriteUint64(out, count);
  const char *const entry = internal::kSmallNumbers.entries[count];
  std::memcpy(out, entry, 4);
  return out + entry[3];
}

/// The shortest decimal that reads back as `value`, where it has at most 8 decimals and lies between 0.0001
/// and 10,000,000, as coordinates, weights and amounts mostly do; null for all others.
char *WriteShortDouble(char *out, double value);

/// Lower-case hexadecimal with hyphens, in quotes.
char *WriteUuid(char *out, const unsigned char bytes[16]);

/// Days since 2000-01-01 as "YYYY-MM-DD"; null outside of the years 1 to 9999 and for infinities.
char *WriteDate(char *out, std::int32_t days);

/// Microseconds since 2000-01-01 00:00 as "YYYY-MM-DDTHH:MM:SS[.ffffff]", with "+00:00" when `utc`;
/// null outside of the years 1 to 9999 and for infinities.
char *WriteTimestamp(char *out, std::int64_t microseconds, bool utc);

/// A finite numeric as the server stores it: base 10000 digits, the first of weight 10000^weight, and
/// `display_scale` decimals to show. Source: the comment on NumericVar in utils/adt/numeric.c.
struct NumericParts {
  bool negative = false;
  int weight = 0;
  int display_scale = 0;
  int digit_count = 0;
  const char *digits = nullptr; ///< 2 bytes each, not aligned
};
std::size_t MaxNumericBytes(const NumericParts &parts);
char *WriteNumeric(char *out, const NumericParts &parts);

/// Copies the longest prefix of `text` that stands in a JSON string as it is, and returns its length. `out` has room
/// for `length`, and what lies behind the prefix may be overwritten.
std::size_t CopyPlainPrefix(char *out, const char *text, std::size_t length);

/// The escape of one character for which CopyPlainPrefix stopped; at most kMaxEscapedBytes.
char *WriteEscape(char *out, char c);

/// Copies JSON without the white space outside of its strings; `out` has room for `json.size()`.
char *WriteWithoutWhitespace(char *out, std::string_view json);

} // namespace itemize::json
