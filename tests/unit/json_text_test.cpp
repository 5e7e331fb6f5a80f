// The direct encoders of the serializer, at the edges of what they take.
#include "serializer/json_text.hpp"

#include <gtest/gtest.h>

#include <charconv>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace itemize::json;

std::string Timestamp(std::int64_t microseconds, bool utc = true) {
  char text[kMaxTimestampBytes];
  char *const end = WriteTimestamp(text, microseconds, utc);
  return end == nullptr ? "none" : std::string(text, end);
}

std::string Date(std::int32_t days) {
  char text[kMaxDateBytes];
  char *const end = WriteDate(text, days);
  return end == nullptr ? "none" : std::string(text, end);
}

std::string Numeric(NumericParts parts, const std::vector<std::int16_t> &digits) {
  parts.digits = reinterpret_cast<const char *>(digits.data());
  parts.digit_count = static_cast<int>(digits.size());
  std::vector<char> text(MaxNumericBytes(parts));
  return {text.data(), WriteNumeric(text.data(), parts)};
}

std::string Compact(std::string_view json) {
  std::string text(json.size(), '\0');
  text.resize(static_cast<std::size_t>(WriteWithoutWhitespace(text.data(), json) - text.data()));
  return text;
}

TEST(JsonText, WritesIntegersToTheirLimits) {
  char text[kMaxInt64Bytes];
  const auto write = [&](std::int64_t value) { return std::string(text, WriteInt64(text, value)); };
  EXPECT_EQ(write(0), "0");
  EXPECT_EQ(write(std::numeric_limits<std::int64_t>::max()), "9223372036854775807");
  EXPECT_EQ(write(std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
}

TEST(JsonText, WritesIntegersOfEveryLength) {
  char text[kMaxInt64Bytes];
  std::uint64_t value = 0;
  for (const char digit : std::string("12345678901234567890")) {
    value = 10 * value + static_cast<std::uint64_t>(digit - '0');
    EXPECT_EQ(std::string(text, WriteUint64(text, value)), std::to_string(value));
    EXPECT_EQ(std::string(text, WriteCount(text, value)), std::to_string(value));
  }
  for (value = 0; value <= 20'000; ++value) {
    EXPECT_EQ(std::string(text, WriteCount(text, value)), std::to_string(value));
  }
}

std::string ShortDouble(double value) {
  char text[kMaxShortDoubleBytes];
  char *const end = WriteShortDouble(text, value);
  return end == nullptr ? "none" : std::string(text, end);
}

TEST(JsonText, WritesDoublesOfFewDecimals) {
  EXPECT_EQ(ShortDouble(51.2194), "51.2194");
  EXPECT_EQ(ShortDouble(-4.402464), "-4.402464");
  EXPECT_EQ(ShortDouble(1), "1");
  EXPECT_EQ(ShortDouble(-120), "-120");
  EXPECT_EQ(ShortDouble(0.0001), "0.0001");
  EXPECT_EQ(ShortDouble(0.10000001), "0.10000001");
  EXPECT_EQ(ShortDouble(9999999.12345678), "9999999.12345678");
}

TEST(JsonText, LeavesOtherDoublesToTheServer) {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double value : {0.0, -0.0, 0.00001, 1e7, 1e300, 0.1 + 0.2, 1.0 / 3, 0.123456789, infinity, -infinity,
                             std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::denorm_min()}) {
    EXPECT_EQ(ShortDouble(value), "none") << value;
  }
}

TEST(JsonText, WritesTheShortestDoubleThatReadsBackTheSame) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 200'000; ++i) {
    const auto scale = std::pow(10.0, static_cast<double>(random() % 10));
    const double decimal = std::round(std::ldexp(static_cast<double>(random() % (1ULL << 50U)), -27)) / scale;
    // The neighbours of a short decimal are long ones.
    for (const double value : {decimal, std::nextafter(decimal, 0.0), std::nextafter(decimal, 1e9)}) {
      const std::string text = ShortDouble(value);
      if (text == "none") continue;
      char shortest[64];
      const auto end = std::to_chars(shortest, shortest + sizeof(shortest), value, std::chars_format::fixed).ptr;
      EXPECT_EQ(text, std::string(shortest, end));
    }
  }
}

TEST(JsonText, WritesUuidInLowerCase) {
  const unsigned char bytes[16] = {0xA0, 0xEE, 0xBC, 0x99, 0x9C, 0x0B, 0x4E, 0xF8,
                                   0xBB, 0x6D, 0x6B, 0xB9, 0xBD, 0x38, 0x0A, 0x11};
  char text[kUuidBytes];
  EXPECT_EQ(std::string(text, WriteUuid(text, bytes)), "\"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\"");
}

TEST(JsonText, WritesDatesOfTheGregorianCalendar) {
  EXPECT_EQ(Date(0), "\"2000-01-01\"");
  EXPECT_EQ(Date(-1), "\"1999-12-31\"");
  EXPECT_EQ(Date(59), "\"2000-02-29\"");
  EXPECT_EQ(Date(-36'524), "\"1900-01-01\"");
  EXPECT_EQ(Date(-36'524 + 59), "\"1900-03-01\"") << "1900 was no leap year";
  EXPECT_EQ(Date(-730'119), "\"0001-01-01\"");
  EXPECT_EQ(Date(2'921'939), "\"9999-12-31\"");
}

TEST(JsonText, WritesEveryMonthOfTheYears1To9999) {
  constexpr int kDaysOfMonth[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  std::int32_t days = -730'119;
  const auto two_digits = [](int value) {
    return std::string{static_cast<char>('0' + value / 10), static_cast<char>('0' + value % 10)};
  };
  for (int year = 1; year <= 9999; ++year) {
    const std::string century_and_year = two_digits(year / 100) + two_digits(year % 100);
    const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    for (int month = 1; month <= 12; ++month) {
      const int last_day = kDaysOfMonth[month - 1] + (month == 2 && leap ? 1 : 0);
      for (const int day : {1, last_day}) {
        ASSERT_EQ(Date(days + day - 1), '"' + century_and_year + '-' + two_digits(month) + '-' + two_digits(day) + '"');
      }
      days += last_day;
    }
  }
  EXPECT_EQ(days, 2'921'940);
}

TEST(JsonText, LeavesOtherYearsAndInfinitiesToTheServer) {
  EXPECT_EQ(Date(-730'120), "none");
  EXPECT_EQ(Date(2'921'940), "none");
  EXPECT_EQ(Date(std::numeric_limits<std::int32_t>::max()), "none");
  EXPECT_EQ(Date(std::numeric_limits<std::int32_t>::min()), "none");
  EXPECT_EQ(Timestamp(std::numeric_limits<std::int64_t>::max()), "none");
  EXPECT_EQ(Timestamp(std::numeric_limits<std::int64_t>::min()), "none");
}

TEST(JsonText, WritesTimestampsWithoutTrailingZeros) {
  EXPECT_EQ(Timestamp(0), "\"2000-01-01T00:00:00+00:00\"");
  EXPECT_EQ(Timestamp(0, false), "\"2000-01-01T00:00:00\"");
  EXPECT_EQ(Timestamp(500'000), "\"2000-01-01T00:00:00.5+00:00\"");
  EXPECT_EQ(Timestamp(10), "\"2000-01-01T00:00:00.00001+00:00\"");
  EXPECT_EQ(Timestamp(123'456), "\"2000-01-01T00:00:00.123456+00:00\"");
  EXPECT_EQ(Timestamp(-1), "\"1999-12-31T23:59:59.999999+00:00\"");
  EXPECT_EQ(Timestamp(kMicrosecondsPerDay - 1, false), "\"2000-01-01T23:59:59.999999\"");
}

TEST(JsonText, WritesNumericsWithTheirScale) {
  EXPECT_EQ(Numeric({false, 0, 0, 0, nullptr}, {}), "0");
  EXPECT_EQ(Numeric({false, 0, 2, 0, nullptr}, {}), "0.00");
  EXPECT_EQ(Numeric({false, 0, 2, 0, nullptr}, {120, 5000}), "120.50");
  EXPECT_EQ(Numeric({true, -1, 4, 0, nullptr}, {1}), "-0.0001");
  EXPECT_EQ(Numeric({false, -2, 8, 0, nullptr}, {1}), "0.00000001");
  EXPECT_EQ(Numeric({false, 1, 0, 0, nullptr}, {1}), "10000");
  EXPECT_EQ(Numeric({false, 2, 1, 0, nullptr}, {12, 34, 5678, 9000}), "1200345678.9");
  EXPECT_EQ(Numeric({false, 0, 3, 0, nullptr}, {7, 1239}), "7.123") << "no more decimals than the scale";
}

TEST(JsonText, CopiesUpToTheFirstCharacterThatNeedsAnEscape) {
  const auto copied = [](const std::string &text) {
    std::string copy(text.size(), '?');
    copy.resize(CopyPlainPrefix(copy.data(), text.data(), text.size()));
    return copy;
  };
  for (std::size_t length = 0; length <= 50; ++length) {
    std::string text;
    for (std::size_t i = 0; i < length; ++i)
      text.push_back("aZ ~\x7f\xc3\xbc!#"[i % 9]);
    EXPECT_EQ(copied(text), text);
    for (std::size_t at = 0; at < length; ++at) {
      for (const char c : {'"', '\\', '\n', '\x01', '\x1f', '\0'}) {
        std::string marked = text;
        marked[at] = c;
        EXPECT_EQ(copied(marked), text.substr(0, at));
      }
    }
  }
}

TEST(JsonText, EscapesAsTheServerDoes) {
  const auto escape = [](char c) {
    char text[kMaxEscapedBytes];
    return std::string(text, WriteEscape(text, c));
  };
  EXPECT_EQ(escape('"'), "\\\"");
  EXPECT_EQ(escape('\\'), "\\\\");
  EXPECT_EQ(escape('\b') + escape('\f') + escape('\n') + escape('\r') + escape('\t'), "\\b\\f\\n\\r\\t");
  EXPECT_EQ(escape('\x01'), "\\u0001");
  EXPECT_EQ(escape('\x1f'), "\\u001f");
}

TEST(JsonText, TakesWhiteSpaceOutOfJsonButNotOutOfStrings) {
  EXPECT_EQ(Compact(" { \"a b\" : [ 1 ,\n\t2 ] } "), "{\"a b\":[1,2]}");
  EXPECT_EQ(Compact(R"({"q \" [ ]" : "\\" , "x" : " "})"), R"({"q \" [ ]":"\\","x":" "})");
  EXPECT_EQ(Compact(""), "");
}

} // namespace
