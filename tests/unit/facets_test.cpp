// Facets: what each form of the JSON asks for, and what is refused.
#include "search/facets_parse.hpp"

#include <string>

#include <gtest/gtest.h>

#include "boundary/error.hpp"

namespace {

using namespace itemize;

std::string Describe(const FacetRequest &facet) {
  std::string text = facet.column;
  switch (facet.kind) {
  case FacetRequest::Kind::kValues: return text + " values";
  case FacetRequest::Kind::kRanges:
    text += " ranges";
    for (const std::string &bound : facet.bounds)
      text.append(" ").append(bound);
    return text;
  case FacetRequest::Kind::kWidth: return text + " width " + facet.interval;
  case FacetRequest::Kind::kBuckets: return text + " buckets " + std::to_string(facet.buckets);
  case FacetRequest::Kind::kCalendar: return text + " " + facet.interval + " " + facet.time_zone;
  }
  return text;
}

std::string Parsed(const std::string &json) {
  std::string text;
  for (const FacetRequest &facet : ParseFacets(json))
    text.append(text.empty() ? "" : ", ").append(Describe(facet));
  return text;
}

std::string Refusal(const std::string &json) {
  try {
    return "taken: " + Parsed(json);
  } catch (const Error &error) {
    return (error.sqlstate() == SqlState("22023") ? "22023 " : "54000 ") + std::string(error.what());
  }
}

TEST(Facets, AListAsksForValues) { EXPECT_EQ(Parsed(R"(["room_type", "beds"])"), "room_type values, beds values"); }

TEST(Facets, AnObjectSaysHowValuesAreGrouped) {
  EXPECT_EQ(Parsed(R"({"a": {}, "b": {"ranges": [0, "50", 1.50]}, "c": {"interval": 2.5}, "d": {"interval": "10"}})"),
            "a values, b ranges 0 50 1.50, c width 2.5, d width 10");
  EXPECT_EQ(Parsed(R"({"a": {"buckets": 10}, "b": {"interval": "month"}})"), "a buckets 10, b month UTC");
  EXPECT_EQ(Parsed(R"({"a": {"time_zone": "Asia/Tokyo", "interval": "week"}})"), "a week Asia/Tokyo");
}

TEST(Facets, RefusalsNameTheFacet) {
  for (const char *const interval : {"0", "0.0", "-1", "1e3", "\"hour\"", "\"\"", "\".5\"", "\"5.\"", "\"1.2.3\"",
                                     "true", "null", "[1]", "\"1000000000000000000000000000000\""}) {
    EXPECT_EQ(Refusal("{\"a\": {\"interval\": " + std::string(interval) + "}}"),
              "22023 facet \"a\": an interval is a number above zero, or day, week, month, quarter or year")
        << interval;
  }
  for (const char *const buckets : {"0", "101", "99999999999999999999", "-1", "1.5", "\"x\"", "null", "[5]"}) {
    EXPECT_EQ(Refusal("{\"a\": {\"buckets\": " + std::string(buckets) + "}}"),
              "22023 facet \"a\": buckets are a number from 1 to 100")
        << buckets;
  }
  EXPECT_EQ(Refusal(R"({"a": {"ranges": []}})"), "22023 facet \"a\": ranges need a list of bounds");
  EXPECT_EQ(Refusal(R"({"a": {"ranges": [null]}})").substr(0, 41), "22023 facet \"a\": a bound must be a value;");
  EXPECT_EQ(Refusal(R"({"a": {"size": 1}})"), "22023 facet \"a\": there is no option \"size\" of that kind");
  EXPECT_EQ(Refusal(R"({"a": 1})"), "22023 facet \"a\": options must be a JSON object");
  EXPECT_EQ(Refusal(R"([1])"), "22023 facet \"1\": a list of facets has names of columns");
  EXPECT_EQ(Refusal(R"({"a": {"ranges": [1], "buckets": 2}})"),
            "22023 facet \"a\": only one of ranges, interval and buckets can be given");
  EXPECT_EQ(Refusal(R"({"a": {"time_zone": "UTC"}})"),
            "22023 facet \"a\": a time zone needs an interval of the calendar");
  EXPECT_EQ(Refusal("[]"), "22023 no facet is asked for");
  EXPECT_EQ(Refusal("{}"), "22023 no facet is asked for");
  EXPECT_EQ(Refusal("\"a\""), "22023 facets must be a list of columns, or an object of columns and options");
}

TEST(Facets, LimitsAreRefusedAsSuch) {
  std::string columns = "\"a\"";
  std::string bounds = "0";
  for (int i = 1; i <= kMaxFacets; ++i)
    columns += ",\"a\"";
  for (int i = 1; i <= kMaxFacetBounds; ++i)
    bounds.append(",").append(std::to_string(i));
  EXPECT_EQ(Refusal("[" + columns + "]"), "54000 more than 20 facets in one call");
  EXPECT_EQ(Refusal("{\"a\": {\"ranges\": [" + bounds + "]}}"), "54000 facet \"a\" has more than 100 bounds");
}

} // namespace
