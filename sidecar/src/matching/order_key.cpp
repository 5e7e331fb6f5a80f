#include "matching/order_key.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

namespace itemize::sidecar::matching {

namespace {

constexpr std::uint64_t kSign = std::uint64_t{1} << 63U;

std::string BigEndian(std::uint64_t number) {
  std::string bytes;
  for (unsigned shift = 64; shift > 0; shift -= 8)
    bytes.push_back(static_cast<char>((number >> (shift - 8)) & 0xFFU));
  return bytes;
}

std::string SignedKey(std::int64_t number) { return BigEndian(static_cast<std::uint64_t>(number) ^ kSign); }

bool EqualsIgnoringCase(std::string_view text, std::string_view lower) {
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(),
                    [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b; });
}

enum class Special : std::uint8_t { kNone, kMinusInfinity, kInfinity, kNotANumber };

Special SpecialNumber(std::string_view text) {
  if (EqualsIgnoringCase(text, "nan")) return Special::kNotANumber;
  if (EqualsIgnoringCase(text, "infinity") || EqualsIgnoringCase(text, "inf")) return Special::kInfinity;
  if (EqualsIgnoringCase(text, "-infinity") || EqualsIgnoringCase(text, "-inf")) return Special::kMinusInfinity;
  return Special::kNone;
}

// ------------------------------------------------------------------------------------------ exact decimals

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

/// 0.DIGITS * 10^exponent, without zeros at either end; no digits: zero.
struct Decimal {
  bool negative = false;
  std::string digits;
  std::int64_t exponent = 0;
};

/// Exponents beyond those of any numeric are none.
constexpr std::int64_t kMostExponent = 200'000;

std::optional<Decimal> ParseDecimal(std::string_view text) {
  Decimal decimal;
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) {
    decimal.negative = text.front() == '-';
    text.remove_prefix(1);
  }
  const std::size_t mantissa_end = std::min(text.find_first_of("eE"), text.size());
  std::int64_t point = -1;
  for (const char c : text.substr(0, mantissa_end)) {
    if (c == '.' && point < 0) {
      point = static_cast<std::int64_t>(decimal.digits.size());
    } else if (IsDigit(c)) {
      decimal.digits.push_back(c);
    } else {
      return std::nullopt;
    }
  }
  if (decimal.digits.empty()) return std::nullopt;
  decimal.exponent = point < 0 ? static_cast<std::int64_t>(decimal.digits.size()) : point;
  if (mantissa_end < text.size()) {
    std::string_view written = text.substr(mantissa_end + 1);
    if (!written.empty() && written.front() == '+') written.remove_prefix(1);
    std::int64_t exponent = 0;
    const auto [end, error] = std::from_chars(written.data(), written.data() + written.size(), exponent);
    if (error != std::errc() || end != written.data() + written.size()) return std::nullopt;
    if (std::abs(exponent) > kMostExponent) return std::nullopt;
    decimal.exponent += exponent;
  }
  const std::size_t first = decimal.digits.find_first_not_of('0');
  if (first == std::string::npos) return Decimal{};
  decimal.digits.erase(0, first);
  decimal.exponent -= static_cast<std::int64_t>(first);
  decimal.digits.erase(decimal.digits.find_last_not_of('0') + 1);
  if (std::abs(decimal.exponent) > 2 * kMostExponent) return std::nullopt;
  return decimal;
}

/// What a number is, in the upper four bits of its key; the exponent takes the following twenty.
enum class Rank : std::uint32_t { kMinusInfinity = 1, kNegative, kZero, kPositive, kInfinity, kNotANumber };

std::string DecimalHead(Rank rank, std::uint32_t exponent) {
  const std::uint32_t head = (static_cast<std::uint32_t>(rank) << 20U) | exponent;
  return {static_cast<char>(head >> 16U), static_cast<char>((head >> 8U) & 0xFFU), static_cast<char>(head & 0xFFU)};
}

std::optional<std::string> DecimalKey(std::string_view text) {
  constexpr std::uint32_t kExponentZero = 1U << 19U;
  constexpr std::uint32_t kMostBiased = (1U << 20U) - 1;
  static_assert(2 * kMostExponent < kExponentZero);
  switch (SpecialNumber(text)) {
  case Special::kMinusInfinity: return DecimalHead(Rank::kMinusInfinity, 0);
  case Special::kInfinity: return DecimalHead(Rank::kInfinity, 0);
  case Special::kNotANumber: return DecimalHead(Rank::kNotANumber, 0);
  case Special::kNone: break;
  }
  const auto decimal = ParseDecimal(text);
  if (!decimal) return std::nullopt;
  if (decimal->digits.empty()) return DecimalHead(Rank::kZero, 0);
  const auto biased = static_cast<std::uint32_t>(decimal->exponent + kExponentZero);
  std::string key = DecimalHead(decimal->negative ? Rank::kNegative : Rank::kPositive,
                                decimal->negative ? kMostBiased - biased : biased);
  // Two digits a byte, from 1 to 100. Of negative numbers the greater magnitude is the smaller number, also where it is
  // the longer one.
  const std::string &digits = decimal->digits;
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    const int pair = (digits[i] - '0') * 10 + (i + 1 < digits.size() ? digits[i + 1] - '0' : 0) + 1;
    key.push_back(static_cast<char>(decimal->negative ? 0xFF - pair : pair));
  }
  if (decimal->negative) key.push_back(static_cast<char>(0xFF));
  return key;
}

// ------------------------------------------------------------------------------------ floating point numbers

template <typename Number>
std::optional<std::string> FloatKey(std::string_view text) {
  double number = 0;
  switch (SpecialNumber(text)) {
  case Special::kMinusInfinity: number = -std::numeric_limits<double>::infinity(); break;
  case Special::kInfinity: number = std::numeric_limits<double>::infinity(); break;
  case Special::kNotANumber: return BigEndian(std::numeric_limits<std::uint64_t>::max());
  case Special::kNone: {
    if (!text.empty() && text.front() == '+') text.remove_prefix(1);
    if (text.empty() || text.find_first_not_of("0123456789.eE+-") != std::string_view::npos) return std::nullopt;
    // Read with the precision that it is stored with: 0.1 is not the same number in both.
    Number read = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), read);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    number = read;
  }
  }
  if (number == 0) number = 0; // -0 is the same number
  std::uint64_t bits = 0;
  std::memcpy(&bits, &number, sizeof(bits));
  return BigEndian((bits & kSign) != 0 ? ~bits : bits | kSign);
}

// ---------------------------------------------------------------------------------------------- times

constexpr std::int64_t kMicroseconds = 1'000'000;
constexpr std::int64_t kSecondsOfDay = 86'400;

/// Days from 1970-01-01 to a day of the Gregorian calendar, before its time too; year 0 is 1 BC.
/// By Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms".
std::int64_t DaysOf(std::int64_t year, unsigned month, unsigned day) {
  year -= month <= 2 ? 1 : 0;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const auto year_of_era = static_cast<unsigned>(year - era * 400);
  const unsigned day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  const unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146'097 + static_cast<std::int64_t>(day_of_era) - 719'468;
}

unsigned DaysOfMonth(std::int64_t year, unsigned month) {
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  if (month == 2) return leap ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/// Reads a time as PostgreSQL writes it, and as RFC 3339 has it.
class MomentReader {
public:
  explicit MomentReader(std::string_view text) : rest_(text) {}

  std::optional<std::string> Read(FieldKind kind) {
    if (EqualsIgnoringCase(rest_, "infinity")) return SignedKey(std::numeric_limits<std::int64_t>::max());
    if (EqualsIgnoringCase(rest_, "-infinity")) return SignedKey(std::numeric_limits<std::int64_t>::min());
    constexpr std::string_view kBeforeChrist = " BC";
    const bool before_christ =
        rest_.size() > kBeforeChrist.size() && rest_.substr(rest_.size() - kBeforeChrist.size()) == kBeforeChrist;
    if (before_christ) rest_.remove_suffix(kBeforeChrist.size());
    if (!Day(before_christ)) return std::nullopt;
    if (!rest_.empty() && (kind == FieldKind::kDate || !Clock())) return std::nullopt;
    if (!rest_.empty() && (kind != FieldKind::kTimestampTz || !Zone())) return std::nullopt;
    // Later dates than timestamps have (AD 294276) are all alike.
    constexpr std::int64_t kMostDays = std::numeric_limits<std::int64_t>::max() / (kSecondsOfDay * kMicroseconds) - 2;
    return SignedKey(std::clamp(days_, -kMostDays, kMostDays) * kSecondsOfDay * kMicroseconds + microseconds_);
  }

private:
  /// Digits off the front: at least `least`, at most `most` of them.
  std::optional<std::int64_t> Digits(std::size_t least, std::size_t most) {
    std::size_t count = 0;
    std::int64_t number = 0;
    while (count < rest_.size() && count < most && IsDigit(rest_[count]))
      number = number * 10 + (rest_[count++] - '0');
    if (count < least) return std::nullopt;
    rest_.remove_prefix(count);
    return number;
  }

  bool Sign(char sign) {
    if (rest_.empty() || rest_.front() != sign) return false;
    rest_.remove_prefix(1);
    return true;
  }

  bool Day(bool before_christ) {
    const auto written = Digits(4, 6);
    if (!written || *written < 1 || !Sign('-')) return false;
    const auto month = Digits(2, 2);
    if (!month || *month < 1 || *month > 12 || !Sign('-')) return false;
    const auto day = Digits(2, 2);
    const std::int64_t year = before_christ ? 1 - *written : *written;
    if (!day || *day < 1 || *day > DaysOfMonth(year, static_cast<unsigned>(*month))) return false;
    days_ = DaysOf(year, static_cast<unsigned>(*month), static_cast<unsigned>(*day));
    return true;
  }

  bool Clock() {
    if (!Sign('T') && !Sign('t') && !Sign(' ')) return false;
    const auto hours = Digits(2, 2);
    if (!hours || *hours > 24 || !Sign(':')) return false;
    const auto minutes = Digits(2, 2);
    if (!minutes || *minutes > 59) return false;
    std::int64_t seconds = 0;
    if (Sign(':')) {
      const auto written = Digits(2, 2);
      if (!written || *written > 60) return false;
      seconds = *written;
      if (Sign('.') && !Fraction()) return false;
    }
    microseconds_ += ((*hours * 60 + *minutes) * 60 + seconds) * kMicroseconds;
    return true;
  }

  bool Fraction() {
    const std::size_t before = rest_.size();
    const auto fraction = Digits(1, 6);
    if (!fraction) return false;
    std::int64_t scaled = *fraction;
    for (std::size_t digits = before - rest_.size(); digits < 6; ++digits)
      scaled *= 10;
    microseconds_ += scaled;
    return true;
  }

  /// Of a query a `+` comes as the blank that forms decode it to.
  bool Zone() {
    if (Sign('Z') || Sign('z')) return rest_.empty();
    const bool west = Sign('-');
    if (!west && !Sign('+') && !Sign(' ')) return false;
    const auto hours = Digits(2, 2);
    if (!hours || *hours > 15) return false;
    std::int64_t seconds = *hours * 3600;
    for (const std::int64_t unit : {60, 1}) {
      if (!Sign(':')) break;
      const auto part = Digits(2, 2);
      if (!part || *part > 59) return false;
      seconds += *part * unit;
    }
    microseconds_ += (west ? seconds : -seconds) * kMicroseconds;
    return rest_.empty();
  }

  std::string_view rest_;
  std::int64_t days_ = 0;
  std::int64_t microseconds_ = 0;
};

// ---------------------------------------------------------------------------------------------- others

std::optional<std::string> BooleanKey(std::string_view text) {
  if (text == "true" || text == "t" || text == "1") return "1";
  if (text == "false" || text == "f" || text == "0") return "0";
  return std::nullopt;
}

std::optional<std::string> UuidKey(std::string_view text) {
  std::string digits;
  for (const char c : text) {
    if (c == '-') continue;
    const char lower = c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
    if (!IsDigit(lower) && !(lower >= 'a' && lower <= 'f')) return std::nullopt;
    digits.push_back(lower);
  }
  if (digits.size() != 32) return std::nullopt;
  return digits;
}

std::string WithoutBlanksAtEnd(std::string_view text) {
  return std::string(text.substr(0, text.find_last_not_of(' ') + 1));
}

} // namespace

FieldKind KindOfType(std::string_view type_name) {
  struct Named {
    std::string_view name;
    FieldKind kind;
  };
  constexpr std::array<Named, 17> kKinds{{{"bool", FieldKind::kBoolean},
                                          {"int2", FieldKind::kNumber},
                                          {"int4", FieldKind::kNumber},
                                          {"int8", FieldKind::kNumber},
                                          {"numeric", FieldKind::kNumber},
                                          {"float4", FieldKind::kReal},
                                          {"float8", FieldKind::kDouble},
                                          {"text", FieldKind::kText},
                                          {"varchar", FieldKind::kText},
                                          {"bpchar", FieldKind::kPaddedText},
                                          {"enum", FieldKind::kLabel},
                                          {"uuid", FieldKind::kUuid},
                                          {"date", FieldKind::kDate},
                                          {"timestamp", FieldKind::kTimestamp},
                                          {"timestamptz", FieldKind::kTimestampTz},
                                          {"geometry", FieldKind::kPlace},
                                          {"geography", FieldKind::kPlace}}};
  for (const Named &one : kKinds) {
    if (one.name == type_name) return one.kind;
  }
  return FieldKind::kOther;
}

std::string_view NameOf(FieldKind kind) {
  switch (kind) {
  case FieldKind::kBoolean: return "true or false";
  case FieldKind::kNumber:
  case FieldKind::kReal:
  case FieldKind::kDouble: return "a number";
  case FieldKind::kText:
  case FieldKind::kPaddedText: return "a text";
  case FieldKind::kLabel: return "a label";
  case FieldKind::kUuid: return "a UUID";
  case FieldKind::kDate: return "a date such as 2026-07-01";
  case FieldKind::kTimestamp: return "a time without a zone such as 2026-07-01T12:00:00";
  case FieldKind::kTimestampTz: return "a time such as 2026-07-01T12:00:00Z";
  case FieldKind::kPlace: return "a place";
  case FieldKind::kOther: break;
  }
  return "something that cannot be compared";
}

std::optional<std::string> OrderKey(FieldKind kind, std::string_view text) {
  switch (kind) {
  case FieldKind::kBoolean: return BooleanKey(text);
  case FieldKind::kNumber: return DecimalKey(text);
  case FieldKind::kReal: return FloatKey<float>(text);
  case FieldKind::kDouble: return FloatKey<double>(text);
  case FieldKind::kText:
  case FieldKind::kLabel: return std::string(text);
  case FieldKind::kPaddedText: return WithoutBlanksAtEnd(text);
  case FieldKind::kUuid: return UuidKey(text);
  case FieldKind::kDate:
  case FieldKind::kTimestamp:
  case FieldKind::kTimestampTz: return MomentReader(text).Read(kind);
  case FieldKind::kPlace:
  case FieldKind::kOther: break;
  }
  return std::nullopt;
}

std::optional<std::string> OrderKeyOfJson(FieldKind kind, std::string_view json) {
  if (json.empty() || json == "null") return std::nullopt;
  if (json.front() != '"') return OrderKey(kind, json);
  if (json.size() < 2) return std::nullopt;
  const std::string_view inside = json.substr(1, json.size() - 2);
  if (inside.find('\\') == std::string_view::npos) return OrderKey(kind, inside);
  const auto parsed = nlohmann::json::parse(json, nullptr, false);
  return parsed.is_string() ? OrderKey(kind, parsed.get_ref<const std::string &>()) : std::nullopt;
}

std::uint64_t CoarseKey(std::string_view key) {
  std::uint64_t coarse = 0;
  for (std::size_t i = 0; i < sizeof(coarse); ++i)
    coarse = (coarse << 8U) | (i < key.size() ? static_cast<unsigned char>(key[i]) : 0U);
  return coarse;
}

} // namespace itemize::sidecar::matching
