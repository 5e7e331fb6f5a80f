// Filters of live subscriptions: how values compare, what is refused, and that the index proposes all that a naive
// evaluation of each filter finds, and not many more.
#include "matching_fixture.hpp"

#include "matching/filter_index.hpp"
#include "matching/order_key.hpp"
#include "matching/place.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>
#include <limits>
#include <map>
#include <random>
#include <set>

namespace itemize::sidecar::matching {
namespace {

std::string Refusal(const std::string &filters, const Places &places = {}) {
  auto compiled = CompileFilter(ListingFacts(), filters, places);
  const auto *wrong = std::get_if<std::string>(&compiled);
  return wrong != nullptr ? *wrong : "accepted";
}

/// In the order of the values, equal ones beside each other joined by a blank.
void ExpectAscending(FieldKind kind, const std::vector<std::vector<std::string>> &groups) {
  std::string before;
  for (const auto &group : groups) {
    const auto first = OrderKey(kind, group.front());
    ASSERT_TRUE(first) << group.front();
    EXPECT_LT(before, *first) << group.front();
    EXPECT_LE(CoarseKey(before), CoarseKey(*first)) << group.front();
    for (const std::string &text : group)
      EXPECT_EQ(OrderKey(kind, text), first) << text;
    before = *first;
  }
}

TEST(OrderKey, NumbersAreExact) {
  ExpectAscending(FieldKind::kNumber, {{"-Infinity", "-inf"},
                                       {"-100000000000000000001"},
                                       {"-100000000000000000000.5"},
                                       {"-1e20"},
                                       {"-12.34"},
                                       {"-12.3"},
                                       {"-1.50", "-1.5"},
                                       {"-0.001"},
                                       {"0", "-0", "0.00", "0e5", "+0"},
                                       {"0.0009999999999999999999999"},
                                       {"0.001", "1e-3"},
                                       {"1", "1.0", "01", "+1", "10e-1"},
                                       {"1.000000000000000000000000000001"},
                                       {"1.5", "1.50"},
                                       {"9"},
                                       {"9.9"},
                                       {"10", "1e1"},
                                       {"99.99"},
                                       {"100"},
                                       {"9007199254740992"},
                                       {"9007199254740993"},
                                       {"Infinity"},
                                       {"NaN"}});
  for (const char *text : {"", "-", ".", "1.2.3", "abc", "1e", "0x10", "1e999999999999", "1 ", "--1"})
    EXPECT_FALSE(OrderKey(FieldKind::kNumber, text)) << text;
}

TEST(OrderKey, RandomDecimalsCompareAsNumbers) {
  std::minstd_rand random(5);
  const auto number = [&] {
    const int digits = 1 + static_cast<int>(random() % 9);
    std::int64_t value = 0;
    for (int i = 0; i < digits; ++i)
      value = value * 10 + static_cast<std::int64_t>(random() % 10);
    return random() % 2 == 0 ? value : -value;
  };
  for (int round = 0; round < 20000; ++round) {
    // Of the same scale, so that the integers compare as the decimals do.
    const std::int64_t a = number();
    const std::int64_t b = number();
    const std::string scale = "e-" + std::to_string(random() % 12);
    const auto key_a = OrderKey(FieldKind::kNumber, std::to_string(a) + scale);
    const auto key_b = OrderKey(FieldKind::kNumber, std::to_string(b) + scale);
    ASSERT_TRUE(key_a && key_b);
    ASSERT_EQ(a < b, *key_a < *key_b) << a << ' ' << b << scale;
    ASSERT_EQ(a == b, *key_a == *key_b) << a << ' ' << b << scale;
  }
}

TEST(OrderKey, FloatingPointNumbersAreReadWithTheirOwnPrecision) {
  ExpectAscending(FieldKind::kDouble, {{"-Infinity"},
                                       {"-2.5"},
                                       {"-1e-300"},
                                       {"0", "-0"},
                                       {"1e-07", "0.0000001"},
                                       {"0.1"},
                                       {"2"},
                                       {"1e300"},
                                       {"Infinity"},
                                       {"NaN"}});
  EXPECT_EQ(OrderKey(FieldKind::kReal, "0.1"), OrderKey(FieldKind::kReal, "0.100000001"));
  EXPECT_NE(OrderKey(FieldKind::kDouble, "0.1"), OrderKey(FieldKind::kDouble, "0.100000001"));
  EXPECT_FALSE(OrderKey(FieldKind::kDouble, "1e400"));
}

TEST(OrderKey, TimesAsPostgresWritesThemAndAsClientsDo) {
  ExpectAscending(FieldKind::kTimestampTz,
                  {{"-infinity"},
                   {"0044-03-15 00:00:00+00 BC"},
                   {"0001-01-01"},
                   {"1969-12-31T23:59:59.999999Z"},
                   {"1970-01-01", "1970-01-01T00:00Z"},
                   {"2026-07-01T11:05:00+00:00", "2026-07-01T13:05:00+02:00", "2026-07-01 11:05Z",
                    "2026-07-01T11:05:00", "2026-07-01T06:35:00-04:30", "2026-07-01T13:05:00 02:00"},
                   {"2026-07-01T11:05:00.12+00:00", "2026-07-01T11:05:00.120000Z"},
                   {"12026-07-01 00:00:00+00"},
                   {"infinity"}});
  ExpectAscending(FieldKind::kDate, {{"2024-02-28"}, {"2024-02-29"}, {"2024-03-01"}});
  EXPECT_EQ(OrderKey(FieldKind::kTimestamp, "2026-07-01T11:05:00"),
            OrderKey(FieldKind::kTimestampTz, "2026-07-01T11:05:00Z"));
  for (const char *text : {"2026-02-29", "2026-13-01", "2026-07-01T", "yesterday", "2026-07-01T25:00", "2026-7-1"})
    EXPECT_FALSE(OrderKey(FieldKind::kTimestampTz, text)) << text;
  EXPECT_FALSE(OrderKey(FieldKind::kDate, "2026-07-01T12:00")) << "a date has no time";
  EXPECT_FALSE(OrderKey(FieldKind::kTimestamp, "2026-07-01T12:00Z")) << "nor that a zone";
}

TEST(OrderKey, OtherKinds) {
  ExpectAscending(FieldKind::kText, {{" "}, {"A"}, {"a"}, {"ab"}, {"b"}, {"é"}});
  ExpectAscending(FieldKind::kPaddedText, {{"a", "a   "}, {"b"}});
  ExpectAscending(FieldKind::kBoolean, {{"false", "f"}, {"true", "t"}});
  EXPECT_EQ(OrderKey(FieldKind::kUuid, "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"),
            OrderKey(FieldKind::kUuid, "a0eebc999c0b4ef8bb6d6bb9bd380a11"));
  EXPECT_FALSE(OrderKey(FieldKind::kUuid, "a0eebc99"));
  EXPECT_EQ(OrderKeyOfJson(FieldKind::kText, R"("a\"b\u00e9")"), "a\"bé");
  EXPECT_EQ(OrderKeyOfJson(FieldKind::kText, "null"), std::nullopt);
  EXPECT_EQ(OrderKeyOfJson(FieldKind::kNumber, R"("NaN")"), OrderKey(FieldKind::kNumber, "NaN"));
}

TEST(Place, DistancesAreThoseOfTheEllipsoid) {
  // As ST_Distance of geographies in PostGIS has them.
  EXPECT_NEAR(Distance(4.40, 51.22, 4.3517, 50.8503), 41268.04074889, 0.0001);
  EXPECT_NEAR(Distance(0, 0, 1, 0), 111319.490793, 0.001);
  EXPECT_NEAR(Distance(0, 0, 0, 1), 110574.388558, 0.001);
  EXPECT_EQ(Distance(4, 51, 4, 51), 0);
  EXPECT_NEAR(Distance(0, 0, 180, 0), 20'015'000, 20'000) << "opposite points: on a sphere";
  EXPECT_NEAR(Distance(179.9, 0, -179.9, 0), 0.2 * 111319.490793, 0.01);
  EXPECT_EQ(DistanceToBox(4, 51, {3, 50, 5, 52}), 0);
  EXPECT_NEAR(DistanceToBox(179, 0, {-180, -1, -179, 1}), 111319.49, 0.01) << "over the antimeridian";
}

TEST(Place, BoxesAreThoseOfAllPositions) {
  const auto box = BoxOfGeoJson(R"({"type":"Polygon","coordinates":[[[0,0],[4.5,-1e-07],[4,5,100],[0,0]]]})");
  ASSERT_TRUE(box);
  EXPECT_EQ(box->west, 0);
  EXPECT_EQ(box->south, -1e-07);
  EXPECT_EQ(box->east, 4.5);
  EXPECT_EQ(box->north, 5);
  const auto collection = BoxOfGeoJson(
      R"({"type":"GeometryCollection","geometries":[{"type":"Point","coordinates":[1,2]},{"type":"Point","coordinates":[]}]})");
  ASSERT_TRUE(collection);
  EXPECT_EQ(collection->west, 1);
  EXPECT_FALSE(BoxOfGeoJson(R"({"type":"Point","coordinates":[]})"));
  EXPECT_FALSE(BoxOfGeoJson(R"("0108000020E6100000")"));
  EXPECT_FALSE(BoxOfGeoJson("null"));
}

TEST(Place, AroundAPointNothingIsLeftOut) {
  std::minstd_rand random(3);
  std::uniform_real_distribution<double> longitude(-180, 180);
  std::uniform_real_distribution<double> latitude(-90, 90);
  for (int round = 0; round < 20000; ++round) {
    const double x = longitude(random);
    const double y = latitude(random);
    const double metres = std::pow(10.0, 1 + static_cast<double>(random() % 60) / 10);
    const double dx = longitude(random) / 200;
    const double px = round % 2 == 0 ? longitude(random) : std::remainder(x + dx, 360);
    const double py = round % 2 == 0 ? latitude(random) : std::clamp(y + latitude(random) / 90, -90.0, 90.0);
    if (Distance(x, y, px, py) > metres) continue;
    const auto boxes = BoxesAround(x, y, metres);
    const Box point{px, py, px, py};
    EXPECT_TRUE(std::any_of(boxes.begin(), boxes.end(), [&](const Box &box) { return Intersect(box, point); }))
        << x << ' ' << y << ' ' << metres << ' ' << px << ' ' << py;
  }
}

TEST(CompileFilter, SaysWhatIsWrongAndWhatThereIs) {
  EXPECT_EQ(
      Refusal(R"({"prize":{"lte":"120"}})"),
      "the type listing has no field 'prize'; there are price, beds, room_type, rating, open, created, state, host");
  EXPECT_EQ(Refusal(R"({"price":{"lte":"cheap"}})"), "the field 'price' is compared with a number, not with 'cheap'");
  EXPECT_EQ(Refusal(R"({"room_type":{"like":"a%"}})"),
            "the operator like is not possible in a live filter; there are eq, neq, in, lt, lte, gt, gte, is and not");
  EXPECT_EQ(Refusal(R"({"state":{"lt":"a"}})"), "the field 'state' has no order here; there are eq, neq, in, is");
  EXPECT_EQ(Refusal(R"({"location":{"eq":"a"}})"),
            "the field 'location' is a place: bbox, or lat, lon and radius, are about the location");
  EXPECT_NE(Refusal(R"({"tags":{"cs":["a"]}})").find("'tags' has a type that live filters do not compare"),
            std::string::npos);
  EXPECT_EQ(Refusal(R"({"price":{"is":true}})"), "the field 'price' is neither true nor false");
  EXPECT_NE(Refusal("").find("a filter is needed"), std::string::npos);
  for (const char *filters :
       {R"({"price":{"neq":"1"}})", R"({"not":{"or":[{"price":{"eq":"1"}},{"beds":{"eq":"1"}}]}})",
        R"({"or":[{"price":{"eq":"1"}},{"beds":{"neq":"1"}}]})", R"({"price":{"is":"not_null"}})"})
    EXPECT_NE(Refusal(filters).find("needs a condition that says which rows it is about"), std::string::npos)
        << filters;
  EXPECT_EQ(Refusal(R"({"price":{"neq":"1"},"beds":{"eq":"2"}})"), "accepted");
  EXPECT_EQ(Refusal(R"({"room_type":{"eq":")" + std::string(kMaxValueBytes, 'x') + "\"}}"), "accepted");
  EXPECT_NE(
      Refusal(R"({"room_type":{"eq":")" + std::string(kMaxValueBytes + 1, 'x') + "\"}}").find("at most 256 bytes"),
      std::string::npos);
  std::string many = R"({"or":[)";
  for (std::size_t i = 0; i <= kMaxConditions; ++i)
    many += (i > 0 ? "," : "") + (R"({"price":{"eq":")" + std::to_string(i) + "\"}}");
  EXPECT_EQ(Refusal(many + "]}"), "a live filter has at most 20 conditions");
  Places parent;
  parent.parent = "1";
  EXPECT_EQ(Refusal("", parent), "the parent of listing is not among its fields, which alone are told");
}

TEST(CompileFilter, TheSameInOtherWordsIsTheSame) {
  const auto facts = ListingFacts();
  const auto canonical = [&](const std::string &filters) { return Compiled(facts, filters)->canonical(); };
  const std::string one = canonical(R"({"price":{"gte":"20","lte":"120.0"},"beds":{"in":["3","2"]}})");
  EXPECT_EQ(one, canonical(R"({"beds":{"in":["2","3.0","2"]},"price":{"lte":"120","gte":"2e1"}})"));
  EXPECT_EQ(one, canonical(R"({"and":[{"price":{"lte":"120"}},{"beds":{"in":["2","3"]}},{"price":{"gte":"20"}}]})"));
  EXPECT_NE(one, canonical(R"({"price":{"gt":"20","lte":"120"},"beds":{"in":["2","3"]}})"));
  Places a;
  a.box = Places::Edges{1, 2, 3, 4};
  Places b = a;
  b.box->east = 3.00000000001;
  EXPECT_NE(Compiled(facts, "", a)->canonical(), Compiled(facts, "", b)->canonical());
}

TEST(Filter, NullIsNeitherTrueNorFalse) {
  const auto facts = ListingFacts();
  const JsonValues row{"null", "2", R"("a")", "null", "null", "null", "null", "[]", R"("x")", "null"};
  const auto matches = [&](const std::string &filters) {
    const auto filter = Compiled(facts, filters);
    const auto read = ReadChange(*facts, filter->used(), ChangeOf(*facts, nullptr, &row).view());
    return filter->Matches(*read.value().after);
  };
  EXPECT_FALSE(matches(R"({"price":{"lte":"1"}})"));
  EXPECT_FALSE(matches(R"({"beds":{"eq":"2"},"price":{"neq":"1"}})"));
  EXPECT_FALSE(matches(R"({"beds":{"eq":"2"},"not":{"price":{"eq":"1"}}})"));
  EXPECT_TRUE(matches(R"({"price":{"is":null}})"));
  EXPECT_FALSE(matches(R"({"beds":{"eq":"2","is":null}})"));
  EXPECT_TRUE(matches(R"({"beds":{"eq":"2","is":"not_null"}})"));
  EXPECT_TRUE(matches(R"({"or":[{"price":{"lte":"1"}},{"beds":{"eq":"2"}}]})"));
  EXPECT_FALSE(matches(R"({"open":{"is":true}})"));
  EXPECT_TRUE(matches(R"({"beds":{"eq":"2"},"not":{"open":{"is":true}}})")) << "is never is unknown";
}

TEST(ReadChange, WhatIsNotToldIsKnownNotToBe) {
  const auto facts = ListingFacts();
  const std::vector<bool> used(facts->fields.size(), true);
  const JsonValues row{"1", "2", R"("a")", "1.5", "true", "null", "null", "[]", R"("x")", R"("ann")"};
  OwnedChange change = ChangeOf(*facts, &row, &row);
  ASSERT_TRUE(ReadChange(*facts, used, change.view()));
  change.tells_former = false;
  EXPECT_FALSE(ReadChange(*facts, used, change.view())) << "an update without what it was";
  change.kind = LineKind::kDelete;
  EXPECT_FALSE(ReadChange(*facts, used, change.view())) << "a deletion as well";
  change.kind = LineKind::kInsert;
  EXPECT_TRUE(ReadChange(*facts, used, change.view()));
  change.row = "{}";
  change.lengths = "0,0,0,0,0,0,0,0,0,0";
  EXPECT_FALSE(ReadChange(*facts, used, change.view())) << "a row that was set aside";
}

// ------------------------------------------------------------------- random filters against a naive evaluation

/// Written from docs/reference/search-filters.md, on JSON, without a line of what is tested.
class Naive {
public:
  explicit Naive(const nlohmann::json &row) : row_(row) {}

  /// 1, 0, or -1 for unknown.
  int All(const nlohmann::json &filters) const {
    int all = 1;
    for (const auto &[name, value] : filters.items())
      all = And(all, name == "or"    ? Any(value)
                     : name == "and" ? Each(value)
                     : name == "not" ? Not(All(value))
                                     : Field(name, value));
    return all;
  }

private:
  static int And(int a, int b) { return a == 0 || b == 0 ? 0 : a == -1 || b == -1 ? -1 : 1; }
  static int Or(int a, int b) { return Not(And(Not(a), Not(b))); }
  static int Not(int a) { return a == -1 ? -1 : 1 - a; }
  int Any(const nlohmann::json &list) const {
    int any = 0;
    for (const auto &one : list)
      any = Or(any, All(one));
    return any;
  }
  int Each(const nlohmann::json &list) const {
    int all = 1;
    for (const auto &one : list)
      all = And(all, All(one));
    return all;
  }
  int Field(const std::string &name, const nlohmann::json &operators) const {
    int all = 1;
    for (const auto &[op, value] : operators.items())
      all = And(all, op == "not" ? Not(Field(name, value)) : Operator(row_.at(name), op, value));
    return all;
  }
  static int Compare(const nlohmann::json &a, const std::string &b) {
    if (a.is_number()) return a.get<double>() < std::stod(b) ? -1 : a.get<double>() > std::stod(b) ? 1 : 0;
    const std::string text = a.is_boolean() ? a.dump() : a.get<std::string>();
    return text < b ? -1 : text > b ? 1 : 0;
  }
  static int Operator(const nlohmann::json &value, const std::string &op, const nlohmann::json &asked) {
    if (op == "is") {
      if (asked.is_null()) return value.is_null() ? 1 : 0;
      if (asked == "not_null") return value.is_null() ? 0 : 1;
      return value == asked ? 1 : 0;
    }
    if (value.is_null()) return -1;
    if (op == "in")
      return std::any_of(asked.begin(), asked.end(), [&](const auto &one) { return Compare(value, one) == 0; }) ? 1 : 0;
    const int order = Compare(value, asked);
    const std::map<std::string, bool> holds{{"eq", order == 0},  {"neq", order != 0}, {"lt", order < 0},
                                            {"lte", order <= 0}, {"gt", order > 0},   {"gte", order >= 0}};
    return holds.at(op) ? 1 : 0;
  }

  const nlohmann::json &row_;
};

class RandomListings {
public:
  explicit RandomListings(unsigned seed) : random_(seed) {}

  unsigned Below(unsigned n) { return static_cast<unsigned>(random_() % n); }
  std::string Price() { return std::to_string(Below(60)) + (Below(2) == 0 ? "" : "." + std::to_string(Below(100))); }
  std::string Room() { return std::string(1, static_cast<char>('a' + Below(6))) + (Below(3) == 0 ? "b" : ""); }
  double Longitude() {
    return Below(2) == 0 ? -180 + Below(3600) / 10.0 : 170 + Below(200) / 10.0 - (Below(2) == 0 ? 0 : 360);
  }

  JsonValues Row() {
    const auto or_null = [this](const std::string &json) { return Below(8) == 0 ? "null" : json; };
    double longitude = Longitude();
    if (longitude > 180) longitude -= 360;
    if (longitude < -180) longitude += 360;
    longitude_ = longitude;
    latitude_ = -90 + Below(1800) / 10.0;
    has_place_ = Below(8) != 0;
    return {or_null(Price()),
            or_null(std::to_string(Below(5))),
            or_null('"' + Room() + '"'),
            or_null(std::to_string(Below(50) / 10.0)),
            or_null(Below(2) == 0 ? "true" : "false"),
            "null",
            has_place_ ? R"({"type":"Point","coordinates":[)" + nlohmann::json(longitude).dump() + ',' +
                             nlohmann::json(latitude_).dump() + "]}"
                       : "null",
            "[]",
            or_null(R"("s)" + std::to_string(Below(4)) + '"'),
            or_null(R"("h)" + std::to_string(Below(20)) + '"')};
  }

  nlohmann::json Bounds() {
    nlohmann::json bounds = nlohmann::json::object();
    const unsigned ends = 1 + Below(3);
    if ((ends & 1U) != 0) bounds[Below(2) == 0 ? "gt" : "gte"] = Price();
    if ((ends & 2U) != 0) bounds[Below(2) == 0 ? "lt" : "lte"] = Price();
    return bounds;
  }

  nlohmann::json Condition() {
    switch (Below(6)) {
    case 0: return {{"price", Bounds()}};
    case 1: return {{"beds", {{Below(3) == 0 ? "neq" : "eq", std::to_string(Below(5))}}}};
    case 2: return {{"room_type", {{"in", nlohmann::json::array({Room(), Room()})}}}};
    case 3: return {{"open", {{"is", Below(2) == 0 ? nlohmann::json(true) : nlohmann::json(nullptr)}}}};
    case 4: return {{"host", {{"eq", "h" + std::to_string(Below(20))}}}};
    default: return {{"rating", {{Below(2) == 0 ? "gt" : "lte", std::to_string(Below(50) / 10.0)}}}};
    }
  }

  nlohmann::json Filter() {
    nlohmann::json filter = nlohmann::json::object();
    const unsigned count = 1 + Below(3);
    for (unsigned i = 0; i < count; ++i)
      filter.update(Condition());
    if (Below(4) == 0) filter["or"] = nlohmann::json::array({Condition(), Condition()});
    if (Below(6) == 0) filter["not"] = Condition();
    if (Below(6) == 0) filter["and"] = nlohmann::json::array({Condition(), {{"not", Condition()}}});
    return filter;
  }

  Places Place() {
    Places places;
    if (Below(3) != 0) return places;
    if (Below(3) == 0) {
      double longitude = std::clamp(Longitude(), -180.0, 180.0);
      places.circle = Circle{longitude, -90 + Below(1800) / 10.0, 1000.0 * Below(3000)};
    } else {
      const double west = std::clamp(Longitude(), -180.0, 180.0);
      double east = west + Below(600) / 10.0;
      if (east > 180) east -= 360;
      const double south = -90 + Below(1500) / 10.0;
      places.box = Places::Edges{west, south, east, std::min(90.0, south + Below(400) / 10.0)};
    }
    return places;
  }

private:
  std::minstd_rand random_;
  double longitude_ = 0;
  double latitude_ = 0;
  bool has_place_ = false;
};

bool InPlaces(const Places &places, const nlohmann::json &row) {
  if (!places.box && !places.circle) return true;
  if (row.at("location").is_null()) return false;
  const double x = row.at("location").at("coordinates").at(0);
  const double y = row.at("location").at("coordinates").at(1);
  if (places.circle) return Distance(places.circle->longitude, places.circle->latitude, x, y) <= places.circle->metres;
  const auto &box = *places.box;
  if (y < box.south || y > box.north) return false;
  const auto within = [&](double longitude) {
    return box.west <= box.east ? longitude >= box.west && longitude <= box.east
                                : longitude >= box.west || longitude <= box.east;
  };
  return within(x) || (std::abs(x) == 180 && within(-x));
}

struct Asked {
  nlohmann::json filter;
  Places places;
  std::shared_ptr<const Filter> compiled;
};

TEST(FilterIndex, FindsWhatANaiveEvaluationOfEachFilterFinds) {
  const auto facts = ListingFacts();
  for (unsigned seed = 1; seed <= 3; ++seed) {
    RandomListings random(seed);
    FilterIndex index;
    std::map<std::string, Asked> asked;
    std::vector<JsonValues> rows(40);
    std::size_t told = 0;
    for (int round = 0; round < 150; ++round) {
      // Filters come and go while rows change.
      for (int i = 0; i < 2; ++i) {
        Asked one{random.Filter(), random.Place(), nullptr};
        auto compiled = CompileFilter(facts, one.filter.dump(), one.places);
        if (std::holds_alternative<std::string>(compiled)) continue;
        one.compiled = std::get<0>(compiled);
        if (asked.count(one.compiled->canonical()) > 0) continue;
        ASSERT_EQ(index.Add(one.compiled), one.compiled);
        asked.emplace(one.compiled->canonical(), std::move(one));
      }
      if (asked.size() > 80) {
        const auto gone = std::next(asked.begin(), random.Below(static_cast<unsigned>(asked.size())));
        index.Remove(*gone->second.compiled);
        asked.erase(gone);
      }
      JsonValues &row = rows[random.Below(40)];
      const JsonValues before = row;
      row = random.Below(5) == 0 ? JsonValues() : random.Row();
      if (before.empty() && row.empty()) continue;
      const OwnedChange change = ChangeOf(*facts, before.empty() ? nullptr : &before, row.empty() ? nullptr : &row);
      const auto matched = index.Match(change.view());
      ASSERT_TRUE(matched.told);
      std::map<std::string, Outcome> found;
      for (const auto &[filter, outcome] : matched.filters)
        ASSERT_TRUE(found.emplace(filter->canonical(), outcome).second) << "judged twice";
      const auto json_of = [&](const JsonValues &values) {
        return values.empty() ? nlohmann::json() : nlohmann::json::parse(RowOf(*facts, values).first);
      };
      const nlohmann::json json_before = json_of(before);
      const nlohmann::json json_after = json_of(row);
      std::map<std::string, Outcome> expected;
      for (const auto &entry : asked) {
        const Asked &one = entry.second;
        const auto holds = [&](const nlohmann::json &json) {
          return !json.is_null() && Naive(json).All(one.filter) == 1 && InPlaces(one.places, json);
        };
        const bool was = holds(json_before);
        const bool is = holds(json_after);
        if (was || is)
          expected.emplace(entry.first, was && is ? Outcome::kChanged : is ? Outcome::kEntered : Outcome::kLeft);
      }
      ASSERT_EQ(found, expected) << "seed " << seed << ", round " << round << ": " << change.row
                                 << " before: " << change.former;
      told += expected.size();
    }
    EXPECT_GT(told, 300U) << "the filters have something to find";
    for (const auto &[canonical, one] : asked)
      index.Remove(*one.compiled);
    EXPECT_EQ(index.size(), 0U);
  }
}

TEST(FilterIndex, EqualFiltersStandThereOnce) {
  const auto facts = ListingFacts();
  FilterIndex index;
  const auto first = Compiled(facts, R"({"price":{"lte":"10"}})");
  const auto second = Compiled(facts, R"({"price":{"lte":"10.0"}})");
  EXPECT_EQ(index.Add(first), first);
  EXPECT_EQ(index.Add(second), first);
  const JsonValues row{"5", "2", R"("a")", "1.5", "true", "null", "null", "[]", R"("x")", R"("ann")"};
  const OwnedChange change = ChangeOf(*facts, nullptr, &row);
  EXPECT_EQ(index.Match(change.view()).filters.size(), 1U);
  index.Remove(*first);
  EXPECT_EQ(index.Match(change.view()).filters.size(), 1U) << "somebody follows it still";
  index.Remove(*second);
  EXPECT_EQ(index.Match(change.view()).filters.size(), 0U);
}

/// Saved searches as people have them: a part of a town, a price, a kind of room, here and there a host.
std::shared_ptr<const Filter> SavedSearch(const std::shared_ptr<const TypeFacts> &facts, std::minstd_rand &random) {
  Places places;
  nlohmann::json filter = nlohmann::json::object();
  const auto below = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
  const unsigned low = below(900);
  switch (below(4)) {
  case 0: filter["host"] = {{"eq", "h" + std::to_string(below(20000))}}; break;
  case 1:
    filter["price"] = {{"gte", std::to_string(low) + '.' + std::to_string(below(1000))},
                       {"lte", std::to_string(low + 1 + below(3)) + '.' + std::to_string(below(1000))}};
    filter["room_type"] = {{"eq", std::string(1, static_cast<char>('a' + below(4)))}};
    break;
  default: {
    const double west = -10 + below(40000) / 1000.0;
    const double south = 36 + below(24000) / 1000.0;
    places.box = Places::Edges{west, south, west + 0.02 + below(100) / 1000.0, south + 0.02 + below(100) / 1000.0};
    filter["price"] = {{"lte", std::to_string(low)}};
    filter["room_type"] = {{"eq", std::string(1, static_cast<char>('a' + below(4)))}};
  }
  }
  return Compiled(facts, filter.dump(), places);
}

TEST(FilterIndex, AChangeIsProposedToFewOfTenThousandFilters) {
  constexpr std::size_t kFilters = 10'000;
  constexpr int kChanges = 2000;
  const auto facts = ListingFacts();
  std::minstd_rand random(11);
  FilterIndex index;
  std::vector<std::shared_ptr<const Filter>> filters;
  while (index.size() < kFilters) {
    filters.push_back(SavedSearch(facts, random));
    (void)index.Add(filters.back());
  }
  std::vector<OwnedChange> changes;
  JsonValues before;
  for (int i = 0; i < kChanges; ++i) {
    JsonValues row{std::to_string(random() % 1000),
                   "2",
                   R"(")" + std::string(1, static_cast<char>('a' + random() % 4)) + '"',
                   "1.5",
                   "true",
                   "null",
                   R"({"type":"Point","coordinates":[)" +
                       std::to_string(-10 + static_cast<double>(random() % 40000) / 1000) + ',' +
                       std::to_string(36 + static_cast<double>(random() % 24000) / 1000) + "]}",
                   "[]",
                   R"("x")",
                   R"("h)" + std::to_string(random() % 20000) + '"'};
    changes.push_back(ChangeOf(*facts, before.empty() ? nullptr : &before, &row));
    before = row;
  }
  const auto seconds = [](auto work) {
    const auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  std::size_t proposed = 0;
  std::size_t found = 0;
  const double indexed = seconds([&] {
    for (const OwnedChange &change : changes) {
      const auto matched = index.Match(change.view());
      proposed += matched.proposed;
      found += matched.filters.size();
    }
  });
  constexpr int kScanned = 20;
  std::size_t found_by_scan = 0;
  std::size_t found_before = 0;
  const std::vector<bool> used(facts->fields.size(), true);
  const double scanned = seconds([&] {
    for (int i = 0; i < kScanned; ++i) {
      const auto row = ReadChange(*facts, used, changes[static_cast<std::size_t>(i)].view());
      for (const auto &filter : filters)
        found_by_scan += filter->Judge(row.value()) == Outcome::kNone ? 0 : 1;
    }
  });
  for (int i = 0; i < kScanned; ++i)
    found_before += index.Match(changes[static_cast<std::size_t>(i)].view()).filters.size();
  std::cout << "    " << kFilters << " filters: " << indexed / kChanges * 1e6 << " microseconds a change, of which "
            << static_cast<double>(proposed) / kChanges << " are proposed and " << static_cast<double>(found) / kChanges
            << " concerned; all of them one after another: " << scanned / kScanned * 1e6 << " microseconds\n";
  EXPECT_GE(found_by_scan, found_before);
  EXPECT_LT(proposed / kChanges, kFilters / 100);
  EXPECT_GT(found, 0U);
}

} // namespace
} // namespace itemize::sidecar::matching
