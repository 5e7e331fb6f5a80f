// GeoJSON from PostGIS's on-disk form: bytes made by hand, whole and damaged.
#include "serializer/geojson.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <string>

namespace {

using itemize::json::MaxGeoJsonBytes;
using itemize::json::WriteGeoJson;

constexpr unsigned char kZ = 0x01;
constexpr unsigned char kM = 0x02;
constexpr unsigned char kBox = 0x04;
constexpr unsigned char kGeodetic = 0x08;
constexpr unsigned char kExtended = 0x10;
constexpr unsigned char kVersion2 = 0x40;

/// A value without its varlena header: SRID 4326, flags, body.
struct Value {
  explicit Value(unsigned char flags = kVersion2) : bytes{'\0', '\x10', '\xE6', static_cast<char>(flags)} {}

  Value &Word(std::uint32_t word) {
    bytes.append(reinterpret_cast<const char *>(&word), sizeof(word));
    return *this;
  }
  Value &Doubles(std::initializer_list<double> values) {
    for (const double value : values)
      bytes.append(reinterpret_cast<const char *>(&value), sizeof(value));
    return *this;
  }
  Value &Zeros(std::size_t count) {
    bytes.append(count, '\0');
    return *this;
  }

  std::string bytes;
};

std::string GeoJson(const Value &value) {
  const std::size_t bound = MaxGeoJsonBytes(value.bytes);
  if (bound == 0) return "none";
  std::string text(bound, '?');
  const auto length = static_cast<std::size_t>(WriteGeoJson(text.data(), value.bytes) - text.data());
  EXPECT_LE(length, bound);
  text.resize(length);
  return text;
}

TEST(GeoJson, WritesAPointWithTheShortestDecimals) {
  EXPECT_EQ(GeoJson(Value().Word(1).Word(1).Doubles({4.4, -0.1})), R"({"type":"Point","coordinates":[4.4,-0.1]})");
  EXPECT_EQ(GeoJson(Value().Word(1).Word(0)), R"({"type":"Point","coordinates":[]})");
}

TEST(GeoJson, SkipsBoxesAndExtendedFlags) {
  const std::string expected = R"({"type":"Point","coordinates":[1,2]})";
  EXPECT_EQ(GeoJson(Value(kBox).Zeros(16).Word(1).Word(1).Doubles({1, 2})), expected) << "version 1, four floats";
  EXPECT_EQ(GeoJson(Value(kVersion2 | kBox | kGeodetic).Zeros(24).Word(1).Word(1).Doubles({1, 2})), expected);
  EXPECT_EQ(GeoJson(Value(kVersion2 | kExtended).Zeros(8).Word(1).Word(1).Doubles({1, 2})), expected);
}

TEST(GeoJson, KeepsZAndLeavesMOut) {
  EXPECT_EQ(GeoJson(Value(kVersion2 | kZ | kM).Word(1).Word(1).Doubles({1, 2, 3, 4})),
            R"({"type":"Point","coordinates":[1,2,3]})");
  EXPECT_EQ(GeoJson(Value(kVersion2 | kM).Word(2).Word(2).Doubles({1, 2, 9, 3, 4, 9})),
            R"({"type":"LineString","coordinates":[[1,2],[3,4]]})");
}

TEST(GeoJson, TurnsRingsByTheRightHandRule) {
  const std::string expected =
      R"({"type":"Polygon","coordinates":[[[0,0],[9,0],[9,9],[0,0]],[[1,1],[2,2],[2,1],[1,1]]]})";
  EXPECT_EQ(GeoJson(Value().Word(3).Word(2).Word(4).Word(4).Doubles({0, 0, 9, 0, 9, 9, 0, 0, 1, 1, 2, 2, 2, 1, 1, 1})),
            expected);
  EXPECT_EQ(GeoJson(Value().Word(3).Word(2).Word(4).Word(4).Doubles({0, 0, 9, 9, 9, 0, 0, 0, 1, 1, 2, 1, 2, 2, 1, 1})),
            expected);
}

TEST(GeoJson, RefusesWhatItCannotExpress) {
  EXPECT_EQ(GeoJson(Value().Word(8).Word(0)), "none") << "a circular string";
  EXPECT_EQ(GeoJson(Value().Word(0)), "none");
  EXPECT_EQ(GeoJson(Value().Word(1).Word(1).Doubles({NAN, 1})), "none");
  EXPECT_EQ(GeoJson(Value().Word(1).Word(1).Doubles({INFINITY, 1})), "none");
  Value nested;
  for (int i = 0; i < 100; ++i)
    nested.Word(7).Word(1);
  EXPECT_EQ(GeoJson(nested.Word(1).Word(0)), "none") << "collections in collections without end";
}

TEST(GeoJson, RefusesEveryDamagedValueWithoutReadingBeyondIt) {
  const Value polygon = Value().Word(6).Word(1).Word(3).Word(1).Word(4).Word(0).Doubles({0, 0, 9, 0, 9, 9, 0, 0});
  EXPECT_NE(GeoJson(polygon), "none");
  for (std::size_t length = 0; length < polygon.bytes.size(); ++length) {
    const std::string cut = polygon.bytes.substr(0, length);
    EXPECT_EQ(MaxGeoJsonBytes(cut), 0U) << length << " bytes of it";
  }
  EXPECT_EQ(GeoJson(Value().Word(2).Word(0xFFFFFFFF)), "none") << "more points than there are bytes";
  EXPECT_EQ(GeoJson(Value().Word(3).Word(0xFFFFFFFF)), "none");
  EXPECT_EQ(GeoJson(Value().Word(5).Word(0xFFFFFFFF)), "none");
}

} // namespace
