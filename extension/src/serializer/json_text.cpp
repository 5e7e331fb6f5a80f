#include "serializer/json_text.hpp"

#include <cmath>
#include <cstring>

namespace itemize::json {

namespace {

constexpr char kTwoDigits[] = "00010203040506070809101112131415161718192021222324"
                              "25262728293031323334353637383940414243444546474849"
                              "50515253545556575859606162636465666768697071727374"
                              "75767778798081828384858687888990919293949596979899";

char *WriteTwoDigits(char *out, unsigned value) {
  std::memcpy(out, kTwoDigits + std::size_t{2} * value, 2);
  return out + 2;
}

char *WriteFourDigits(char *out, unsigned value) {
  return WriteTwoDigits(WriteTwoDigits(out, value / 100), value % 100);
}

char *WriteEightDigits(char *out, unsigned value) {
  return WriteFourDigits(WriteFourDigits(out, value / 10'000), value % 10'000);
}

struct CivilDate {
  std::uint32_t year;
  std::uint32_t month;
  std::uint32_t day;
};

// Days since 2000-01-01 to a date of the proleptic Gregorian calendar whose years begin in March, in 32 bits and
// without a division by anything but constants. Source: C. Neri, L. Schneider, "Euclidean affine functions and their
// application to calendar algorithms", Software: Practice and Experience 53 (2023), figure 12.
CivilDate ToCivil(std::int32_t days) {
  constexpr std::int32_t kDaysFromMarchOfYearZero = 730'425; // 0000-03-01 to 2000-01-01
  const auto day = static_cast<std::uint32_t>(days + kDaysFromMarchOfYearZero);
  const std::uint32_t quarter_days = 4 * day + 3;
  const std::uint32_t century = quarter_days / 146'097;
  const std::uint32_t quarter_days_of_century = quarter_days % 146'097 | 3U;
  const std::uint64_t scaled = std::uint64_t{2'939'745} * quarter_days_of_century;
  const auto year_of_century = static_cast<std::uint32_t>(scaled >> 32U);
  const std::uint32_t day_of_year = static_cast<std::uint32_t>(scaled) / 2'939'745 / 4;
  const std::uint32_t month_and_day = 2141 * day_of_year + 197'913;
  const std::uint32_t month = month_and_day >> 16U;
  const bool next_year = day_of_year >= 306;
  return {100 * century + year_of_century + (next_year ? 1 : 0), next_year ? month - 12 : month,
          (month_and_day & 0xFFFFU) / 2141 + 1};
}

char *WriteCivil(char *out, const CivilDate &date) {
  out = WriteFourDigits(out, date.year);
  *out++ = '-';
  out = WriteTwoDigits(out, date.month);
  *out++ = '-';
  return WriteTwoDigits(out, date.day);
}

/// 0001-01-01 to 9999-12-31.
bool IsFourDigitYear(std::int64_t days) { return days >= -730'119 && days <= 2'921'939; }

bool NeedsEscape(unsigned char c) { return c < 0x20 || c == '"' || c == '\\'; }

/// Copies 16 characters; whether all of them stand in a JSON string as they are.
bool CopyPlain16(char *out, const char *text) {
  using Block = unsigned char __attribute__((vector_size(16)));
  Block block;
  std::memcpy(&block, text, sizeof(block));
  std::memcpy(out, &block, sizeof(block));
  const auto special = (block < 0x20) | (block == '"') | (block == '\\');
  std::uint64_t low;
  std::uint64_t high;
  std::memcpy(&low, &special, sizeof(low));
  std::memcpy(&high, reinterpret_cast<const char *>(&special) + sizeof(low), sizeof(high));
  return (low | high) == 0;
}

/// The same with 8. A character below 0x20, a quote or a backslash sets its high bit.
bool CopyPlain8(char *out, const char *text) {
  constexpr std::uint64_t kOnes = 0x0101010101010101ULL;
  constexpr std::uint64_t kHighBits = 0x8080808080808080ULL;
  const auto zero_bytes = [](std::uint64_t word) { return (word - kOnes) & ~word; };
  std::uint64_t word;
  std::memcpy(&word, text, sizeof(word));
  std::memcpy(out, &word, sizeof(word));
  const std::uint64_t control = (word - kOnes * 0x20) & ~word;
  const std::uint64_t quote = zero_bytes(word ^ (kOnes * '"'));
  const std::uint64_t backslash = zero_bytes(word ^ (kOnes * '\\'));
  return ((control | quote | backslash) & kHighBits) == 0;
}

} // namespace

char *WriteUint64(char *out, std::uint64_t value) {
  if (value < 1000) return WriteCount(out, value);
  if (value < 10'000) return WriteFourDigits(out, static_cast<unsigned>(value));
  constexpr std::uint64_t kEightDigits = 100'000'000;
  if (value < kEightDigits) {
    return WriteFourDigits(WriteUint64(out, value / 10'000), static_cast<unsigned>(value % 10'000));
  }
  return WriteEightDigits(WriteUint64(out, value / kEightDigits), static_cast<unsigned>(value % kEightDigits));
}

char *WriteInt64(char *out, std::int64_t value) {
  if (value >= 0) return WriteUint64(out, static_cast<std::uint64_t>(value));
  *out++ = '-';
  return WriteUint64(out, 0 - static_cast<std::uint64_t>(value));
}

char *WriteShortDouble(char *out, double value) {
  constexpr double kUnit = 1e8;
  const double magnitude = std::fabs(value);
  if (!(magnitude >= 1e-4 && magnitude < 1e7)) return nullptr;
  // A decimal of at most 15 digits that reads back as the value is the shortest one but for its zeros at the end: no
  // two such decimals read back the same. Quotient and operands are exact enough to tell, as both are below 2^53.
  const double scaled = magnitude * kUnit + 0.5; // to be rounded by being cut off
  const auto units = static_cast<std::uint64_t>(scaled);
  if (static_cast<double>(units) / kUnit != magnitude) return nullptr;
  if (value < 0) *out++ = '-';
  constexpr auto kWholeUnit = static_cast<std::uint64_t>(kUnit);
  out = WriteCount(out, units / kWholeUnit);
  const auto fraction = static_cast<unsigned>(units % kWholeUnit);
  if (fraction == 0) return out;
  *out++ = '.';
  out = WriteEightDigits(out, fraction);
  while (out[-1] == '0')
    --out;
  return out;
}

char *WriteUuid(char *out, const unsigned char bytes[16]) {
  constexpr char kHex[] = "0123456789abcdef";
  *out++ = '"';
  for (int i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *out++ = '-';
    *out++ = kHex[bytes[i] >> 4U];
    *out++ = kHex[bytes[i] & 0xFU];
  }
  *out++ = '"';
  return out;
}

char *WriteDate(char *out, std::int32_t days) {
  if (!IsFourDigitYear(days)) return nullptr;
  *out++ = '"';
  out = WriteCivil(out, ToCivil(days));
  *out++ = '"';
  return out;
}

char *WriteTimestamp(char *out, std::int64_t microseconds, bool utc) {
  std::int64_t days = microseconds / kMicrosecondsPerDay;
  std::int64_t rest = microseconds % kMicrosecondsPerDay;
  if (rest < 0) {
    rest += kMicrosecondsPerDay;
    --days;
  }
  if (!IsFourDigitYear(days)) return nullptr;
  *out++ = '"';
  out = WriteCivil(out, ToCivil(static_cast<std::int32_t>(days)));
  *out++ = 'T';
  const auto seconds = static_cast<unsigned>(rest / 1'000'000);
  auto fraction = static_cast<unsigned>(rest % 1'000'000);
  out = WriteTwoDigits(out, seconds / 3600);
  *out++ = ':';
  out = WriteTwoDigits(out, seconds / 60 % 60);
  *out++ = ':';
  out = WriteTwoDigits(out, seconds % 60);
  if (fraction != 0) {
    *out++ = '.';
    out = WriteTwoDigits(out, fraction / 10'000);
    fraction %= 10'000;
    out = WriteFourDigits(out, fraction);
    while (out[-1] == '0')
      --out;
  }
  if (utc) {
    std::memcpy(out, "+00:00", 6);
    out += 6;
  }
  *out++ = '"';
  return out;
}

std::size_t MaxNumericBytes(const NumericParts &parts) {
  const int integer_groups = parts.weight >= 0 ? parts.weight + 1 : 1;
  return static_cast<std::size_t>(integer_groups) * 4 + static_cast<std::size_t>(parts.display_scale) + 8;
}

char *WriteNumeric(char *out, const NumericParts &parts) {
  const auto digit = [&](int index) -> unsigned {
    if (index < 0 || index >= parts.digit_count) return 0;
    std::uint16_t value;
    std::memcpy(&value, parts.digits + std::size_t{2} * static_cast<std::size_t>(index), sizeof(value));
    return value;
  };
  if (parts.negative) *out++ = '-';
  if (parts.weight < 0) {
    *out++ = '0';
  } else {
    out = WriteCount(out, digit(0));
    for (int i = 1; i <= parts.weight; ++i)
      out = WriteFourDigits(out, digit(i));
  }
  if (parts.display_scale <= 0) return out;
  *out++ = '.';
  char *const end = out + parts.display_scale;
  for (int i = parts.weight + 1; out < end; ++i)
    out = WriteFourDigits(out, digit(i));
  return end;
}

std::size_t CopyPlainPrefix(char *out, const char *text, std::size_t length) {
  std::size_t at = 0;
  while (at + 16 <= length && CopyPlain16(out + at, text + at))
    at += 16;
  if (at + 8 <= length && CopyPlain8(out + at, text + at)) at += 8;
  // The last few again, together with characters before them that are already known to be plain.
  if (length >= 8 && length - at < 8 && CopyPlain8(out + length - 8, text + length - 8)) return length;
  for (; at < length && !NeedsEscape(static_cast<unsigned char>(text[at])); ++at)
    out[at] = text[at];
  return at;
}

char *WriteEscape(char *out, char c) {
  constexpr char kHex[] = "0123456789abcdef";
  *out++ = '\\';
  switch (c) {
  case '\b': *out++ = 'b'; break;
  case '\f': *out++ = 'f'; break;
  case '\n': *out++ = 'n'; break;
  case '\r': *out++ = 'r'; break;
  case '\t': *out++ = 't'; break;
  case '"':
  case '\\': *out++ = c; break;
  default:
    std::memcpy(out, "u00", 3);
    out += 3;
    *out++ = kHex[static_cast<unsigned char>(c) >> 4U];
    *out++ = kHex[static_cast<unsigned char>(c) & 0xFU];
    break;
  }
  return out;
}

char *WriteWithoutWhitespace(char *out, std::string_view json) {
  bool in_string = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_string) {
      *out++ = c;
      if (c == '\\' && i + 1 < json.size()) {
        *out++ = json[++i];
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c != ' ' && c != '\t' && c != '\n' && c != '\r') {
      in_string = c == '"';
      *out++ = c;
    }
  }
  return out;
}

} // namespace itemize::json
