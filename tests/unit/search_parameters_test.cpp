// A search's URL: what it asks for, what is refused, and in which words.
#include "http/search_parameters.hpp"

#include "http/filter_parameters.hpp"
#include "http/search_body.hpp"
#include "http/search_values.hpp"
#include "postgres/connection.hpp"
#include "search/verdict.hpp"

#include <gtest/gtest.h>

#include <random>

namespace itemize::sidecar::http {
namespace {

using search::Ask;
using search::Kind;

std::variant<Ask, Problem> Parse(std::string_view query, Kind kind = Kind::kSearch) {
  const auto parameters = ParseQuery(query);
  EXPECT_TRUE(parameters) << query;
  return ParseSearch(kind, "listing", parameters.value_or(Parameters{}));
}

Ask Asked(std::string_view query, Kind kind = Kind::kSearch) {
  auto parsed = Parse(query, kind);
  if (const auto *problem = std::get_if<Problem>(&parsed)) {
    ADD_FAILURE() << query << ": " << problem->detail;
    return {};
  }
  return std::get<Ask>(std::move(parsed));
}

/// The detail of the problem, which must be a 400.
std::string Refused(std::string_view query, Kind kind = Kind::kSearch) {
  const auto parsed = Parse(query, kind);
  const auto *problem = std::get_if<Problem>(&parsed);
  if (problem == nullptr) return "(accepted)";
  EXPECT_EQ(TextOf(problem->kind).status, 400);
  return problem->detail;
}

std::string FiltersOf(std::string_view query) { return Asked(query).question.filters.value_or("(none)"); }

TEST(SearchParameters, AnEmptyQueryAsksForEverything) {
  const Ask ask = Asked("");
  EXPECT_EQ(ask.type, "listing");
  EXPECT_EQ(ask.limit, search::kDefaultResults);
  EXPECT_FALSE(ask.question.query || ask.question.near || ask.question.filters || ask.order || ask.after);
  EXPECT_FALSE(Asked("q=").question.query);
}

TEST(SearchParameters, EveryParameterReachesTheQuestion) {
  const Ask ask =
      Asked("q=sea+view&lang=pt-BR&lat=51.22&lon=4.4&radius=5km&bbox=4,51,5,52&price=gte.20&price=lte.120.50"
            "&currency=usd&since=2026-07-01&until=2026-07-02T03:04:05Z&owner=7&parent=a%2Fb"
            "&order=price.desc.nullslast,distance&limit=5&after=AbC-_1&total=exact");
  const search::Question &question = ask.question;
  EXPECT_EQ(question.query, "sea view");
  EXPECT_EQ(question.lang, "pt-BR");
  EXPECT_EQ(question.near, "SRID=4326;POINT(4.4 51.22)");
  EXPECT_EQ(question.within, "5000");
  EXPECT_EQ(question.bbox, "{4,51,5,52}");
  EXPECT_EQ(question.price_min, "20");
  EXPECT_EQ(question.price_max, "120.50");
  EXPECT_EQ(question.currency, "USD");
  EXPECT_EQ(question.since, "2026-07-01T00:00:00Z");
  EXPECT_EQ(question.until, "2026-07-02T03:04:05Z");
  EXPECT_EQ(question.owner, "7");
  EXPECT_EQ(question.parent, "a/b");
  EXPECT_EQ(ask.order, "price.desc.nullslast,distance");
  EXPECT_EQ(ask.limit, 5U);
  EXPECT_EQ(ask.after, "AbC-_1");
  EXPECT_EQ(ask.total, Ask::Total::kExact);
}

TEST(SearchParameters, PlacesAreWrittenAsEveryReaderOfWktReadsThem) {
  EXPECT_EQ(Asked("lat=51.e0&lon=.5").question.near, "SRID=4326;POINT(0.5 51)");
  EXPECT_EQ(Asked("lat=5.&lon=-1e2").question.near, "SRID=4326;POINT(-100 5)");
  EXPECT_EQ(Asked("lat=51.2213&lon=4.3997").question.near, "SRID=4326;POINT(4.3997 51.2213)");
}

TEST(SearchVerdict, ADetailStaysWithTheServer) {
  const PostgresError error("it does not do", "22023", "Do another.", "The row has 7.");
  EXPECT_EQ(error.message(), "it does not do");
  EXPECT_STREQ(error.what(), "it does not do: The row has 7.");
}

TEST(SearchParameters, AnUnknownOneIsNamed) {
  const auto parsed = Parse("radus=5km");
  const auto *problem = std::get_if<Problem>(&parsed);
  ASSERT_NE(problem, nullptr);
  EXPECT_EQ(problem->kind, ProblemKind::kUnknownParameter);
  EXPECT_NE(problem->detail.find("'radus'"), std::string::npos);
  EXPECT_NE(problem->detail.find("radus=eq.VALUE"), std::string::npos);
}

TEST(SearchParameters, ThoseOfOtherPathsAreUnknown) {
  EXPECT_NE(Refused("zoom=3"), "(accepted)");
  EXPECT_NE(Refused("zoom=eq.3").find("no parameter 'zoom'"), std::string::npos);
  EXPECT_NE(Refused("facets=a&limit=3", Kind::kFacets), "(accepted)");
  EXPECT_NE(Refused("zoom=3&order=price", Kind::kClusters), "(accepted)");
}

TEST(SearchParameters, NothingIsGivenTwice) {
  EXPECT_NE(Refused("q=a&q=b").find("'q' is given twice"), std::string::npos);
  EXPECT_NE(Refused("price=gte.1&price=gte.2").find("'price' is given twice"), std::string::npos);
  EXPECT_NE(Refused("price=eq.1&price=lte.2"), "(accepted)");
  EXPECT_NE(Refused("beds=gte.1&beds=gte.2").find("'beds' is given twice"), std::string::npos);
  EXPECT_NE(Refused("or=(a.eq.1)&or=(b.eq.1)"), "(accepted)");
}

TEST(SearchParameters, WhatIsRefusedNamesTheParameterAndItsForm) {
  struct Case {
    const char *query;
    const char *said;
  };
  for (const Case &one : {Case{"lat=91&lon=0", "lat must be"},
                          Case{"lat=x&lon=0", "lat must be"},
                          Case{"lat=nan&lon=0", "lat must be"},
                          Case{"lat=0x1&lon=0", "lat must be"},
                          Case{"lat=1&lon=181", "lon must be"},
                          Case{"lat=1&lon=1e999", "lon must be"},
                          Case{"lat=1&lon=", "lon must be"},
                          Case{"lat=1", "lat and lon are given together"},
                          Case{"radius=5km", "radius needs lat and lon"},
                          Case{"lat=1&lon=1&radius=-1", "radius must be"},
                          Case{"lat=1&lon=1&radius=5miles", "radius must be"},
                          Case{"lat=1&lon=1&radius=km", "radius must be"},
                          Case{"lat=1&lon=1&radius=30000km", "radius must be"},
                          Case{"bbox=1,2,3", "bbox must be"},
                          Case{"bbox=1,2,3,4,5", "bbox must be"},
                          Case{"bbox=1,5,3,4", "bbox must be"},
                          Case{"bbox=1,2,3,x", "bbox must be"},
                          Case{"bbox=1,2,3,91", "bbox must be"},
                          Case{"price=120", "price must have the form"},
                          Case{"price=lt.120", "price must have the form"},
                          Case{"price=lte.1e3", "price must have the form"},
                          Case{"price=lte.", "price must have the form"},
                          Case{"price=lte.1.2.3", "price must have the form"},
                          Case{"price=lte.12345678901234567890123456789012345678901", "price must have the form"},
                          Case{"currency=EU", "currency must be"},
                          Case{"currency=ABCDEFGHIJKLM", "currency must be"},
                          Case{"owner=", "owner must not be empty"},
                          Case{"parent=", "parent must not be empty"},
                          Case{"currency=E%24R", "currency must be"},
                          Case{"lang=not_a_tag", "lang must be"},
                          Case{"lang=-", "lang must be"},
                          Case{"since=yesterday", "since must be"},
                          Case{"until=2026-13-01", "until must be"},
                          Case{"order=price.down", "order must be"},
                          Case{"order=,price", "order must be"},
                          Case{"limit=0", "limit must be a number from 1 to 100"},
                          Case{"limit=101", "limit must be"},
                          Case{"limit=1x", "limit must be"},
                          Case{"after=a%20b", "after must be"},
                          Case{"after=", "after must be"},
                          Case{"total=yes", "total must be"},
                          Case{"q=a%00b", "'q' is no UTF-8 text"},
                          Case{"q=%ff", "'q' is no UTF-8 text"},
                          Case{"beds=2", "no parameter 'beds'"},
                          Case{"beds=above.2", "no parameter 'beds'"},
                          Case{"x=in.a,b", "needs a list in parentheses"},
                          Case{"x=in.()", "needs a list in parentheses"},
                          Case{"x=in.(a,\"b)", "needs a list in parentheses"},
                          Case{"x=cs.(a)", "needs a list in braces"},
                          Case{"x=cs.[1", "needs a list in braces"},
                          Case{"x=cs.{\"a\"", "needs a list in braces"},
                          Case{"x=is.nil", "needs one of null"},
                          Case{"x=eq.%ff", "no UTF-8"},
                          Case{"or=a.eq.1", "or must have the form"},
                          Case{"or=(a)", "or must have the form"},
                          Case{"or=(a.eq.1", "or must have the form"},
                          Case{"or=(a.near.1)", "must have the form"},
                          Case{"and=a.eq.1", "and must have the form"},
                          Case{"or=(and(a.eq.1,b),c.eq.1)", "and must have the form"},
                          Case{"or=(not.and,c.eq.1)", "must have the form"},
                          Case{"or=(or(or(or(or(or(or(a.eq.1)))))))", "nested more than 6 deep"}}) {
    EXPECT_NE(Refused(one.query).find(one.said), std::string::npos) << one.query << " → " << Refused(one.query);
  }
}

TEST(SearchParameters, CurrenciesOfOnesOwnAreLonger) {
  EXPECT_EQ(Asked("currency=points").question.currency, "POINTS");
  EXPECT_EQ(Asked("currency=A1B2C3D4E5F6").question.currency, "A1B2C3D4E5F6");
}

TEST(SearchParameters, DistancesHaveUnits) {
  EXPECT_EQ(ParseDistance("500"), 500);
  EXPECT_EQ(ParseDistance("500m"), 500);
  EXPECT_EQ(ParseDistance("2.5km"), 2500);
  EXPECT_EQ(ParseDistance("1mi"), 1609.344);
  EXPECT_EQ(ParseDistance("0"), 0);
  for (const char *text : {"", "m", "km", "5 km", "5KM", "+5", "-5", "5k", "inf", "1e9"})
    EXPECT_FALSE(ParseDistance(text)) << text;
}

TEST(SearchParameters, MomentsAreOfRfc3339) {
  EXPECT_EQ(ParseMoment("2026-07-01"), "2026-07-01T00:00:00Z");
  EXPECT_EQ(ParseMoment("2026-07-01T12:30"), "2026-07-01T12:30Z");
  EXPECT_EQ(ParseMoment("2026-07-01t12:30:59.125z"), "2026-07-01T12:30:59.125Z");
  EXPECT_EQ(ParseMoment("2026-07-01T12:30:00-03:00"), "2026-07-01T12:30:00-03:00");
  EXPECT_EQ(ParseMoment("2026-07-01T12:30:00 02:00"), "2026-07-01T12:30:00+02:00") << "a + that a form has decoded";
  for (const char *text :
       {"", "2026", "2026-7-1", "2026-07-01T", "2026-07-01T24:00", "2026-07-01T12:60", "2026-07-01T12:30:00.",
        "2026-07-01T12:30:00+2", "2026-07-01T12:30:00+16:00", "2026-07-01T12:30:00Zx", "0000-01-01", "now"})
    EXPECT_FALSE(ParseMoment(text)) << text;
}

TEST(SearchFilters, PostgrestsWordsBecomeJson) {
  EXPECT_EQ(FiltersOf("beds=gte.2"), R"({"beds":{"gte":"2"}})");
  EXPECT_EQ(FiltersOf("beds=gte.2&beds=lt.5"), R"({"beds":{"gte":"2","lt":"5"}})");
  EXPECT_EQ(FiltersOf("beds=gte.2&kind=eq.loft&beds=lt.5"), R"({"beds":{"gte":"2","lt":"5"},"kind":{"eq":"loft"}})");
  EXPECT_EQ(FiltersOf("kind=eq."), R"({"kind":{"eq":""}})") << "the empty text is a value";
  EXPECT_EQ(FiltersOf("kind=eq.a.b=c%22"), R"({"kind":{"eq":"a.b=c\""}})");
  EXPECT_EQ(FiltersOf("kind=in.(a,%22b,c%22,%22d%5C%22e%22)"), R"({"kind":{"in":["a","b,c","d\"e"]}})");
  EXPECT_EQ(FiltersOf("x=not.eq.1"), R"({"x":{"not":{"eq":"1"}}})");
  EXPECT_EQ(FiltersOf("x=not.in.(1,2)"), R"({"x":{"not":{"in":["1","2"]}}})");
  EXPECT_EQ(FiltersOf("x=is.null"), R"({"x":{"is":null}})");
  EXPECT_EQ(FiltersOf("x=is.not_null"), R"({"x":{"is":"not_null"}})");
  EXPECT_EQ(FiltersOf("x=not.is.true"), R"({"x":{"not":{"is":true}}})");
  EXPECT_EQ(FiltersOf("tags=cs.{a,b}&tags=ov.{}"), R"({"tags":{"cs":["a","b"],"ov":[]}})");
  EXPECT_EQ(FiltersOf("name=ilike.*sea*"), R"({"name":{"ilike":"%sea%"}})");
}

TEST(SearchFilters, AlternativesAreAList) {
  EXPECT_EQ(FiltersOf("or=(beds.gte.2,kind.in.(a,b),x.not.is.null)"),
            R"({"or":[{"beds":{"gte":"2"}},{"kind":{"in":["a","b"]}},{"x":{"not":{"is":null}}}]})");
  EXPECT_EQ(FiltersOf("y=eq.1&or=(currency.eq.EUR)"), R"({"y":{"eq":"1"},"or":[{"currency":{"eq":"EUR"}}]})");
}

TEST(SearchFilters, ListsAreNestedInLists) {
  EXPECT_EQ(FiltersOf("and=(a.eq.1,a.eq.2)"), R"({"and":[{"a":{"eq":"1"}},{"a":{"eq":"2"}}]})");
  EXPECT_EQ(FiltersOf("or=(a.eq.1,and(b.gt.2,b.lt.5),not.or(c.is.null,d.in.(x,y)))&and=(e.eq.3)"),
            R"({"or":[{"a":{"eq":"1"}},{"and":[{"b":{"gt":"2"}},{"b":{"lt":"5"}}]},)"
            R"({"not":{"or":[{"c":{"is":null}},{"d":{"in":["x","y"]}}]}}],"and":[{"e":{"eq":"3"}}]})");
  EXPECT_EQ(FiltersOf("or=(not.eq.2)"), R"({"or":[{"not":{"eq":"2"}}]})") << "the name of a field";
}

TEST(SearchFilters, RangesAndJsonAreTheColumnsToRead) {
  EXPECT_EQ(FiltersOf("x=cs.[1,5)"), R"j({"x":{"cs":"[1,5)"}})j");
  EXPECT_EQ(FiltersOf("x=ov.(2026-01-01,2026-02-01]"), R"({"x":{"ov":"(2026-01-01,2026-02-01]"}})");
  EXPECT_EQ(FiltersOf("x=cs.{%22a%22:1}"), R"({"x":{"cs":"{\"a\":1}"}})");
  EXPECT_EQ(FiltersOf("x=cs.[%22a%22]"), R"({"x":{"cs":"[\"a\"]"}})");
  EXPECT_EQ(FiltersOf("x=cs.{%22a:1%22}"), R"({"x":{"cs":["a:1"]}})") << "a list of one text";
}

TEST(SearchFilters, ThereIsAnEndToThem) {
  std::string query;
  for (std::size_t i = 0; i <= kMaxFilters; ++i)
    query += "f" + std::to_string(i) + "=eq.1&";
  EXPECT_EQ(Refused(query), "at most 50 filters are allowed");
}

TEST(SearchFacets, NamesRangesAndIntervals) {
  const Ask ask =
      Asked("facets=room_type,price.ranges(0,50,100.5),created.interval(month),beds.interval(1)&max_values=7&q=sea",
            Kind::kFacets);
  EXPECT_EQ(ask.facets,
            R"({"room_type":{},"price":{"ranges":[0,50,100.5]},"created":{"interval":"month"},"beds":{"interval":1}})");
  EXPECT_EQ(ask.facet_names, (std::vector<std::string>{"room_type", "price", "created", "beds"}));
  EXPECT_EQ(ask.max_values, "7");
  EXPECT_EQ(ask.question.query, "sea");
  EXPECT_EQ(Asked("facets=day.ranges(2026-01-01,007)", Kind::kFacets).facets,
            R"({"day":{"ranges":["2026-01-01","007"]}})");
  for (const char *text : {"", ",", "a,", "a.", "a.ranges", "a.ranges(", "a.ranges()", "a.ranges(1,)", ".ranges(1)",
                           "a.interval()", "a.buckets(3)", "a(3)", "a)"})
    EXPECT_NE(Refused("facets=" + std::string(text), Kind::kFacets).find("facets must have the form"),
              std::string::npos)
        << text;
  EXPECT_EQ(Refused("facets=a,a", Kind::kFacets), "the facet 'a' is given twice");
  EXPECT_NE(Refused("q=sea", Kind::kFacets).find("facets is needed"), std::string::npos);
}

TEST(SearchClusters, NeedAZoom) {
  EXPECT_EQ(Asked("zoom=12&bbox=170,-20,-170,20", Kind::kClusters).zoom, 12U);
  EXPECT_NE(Refused("", Kind::kClusters).find("zoom is needed"), std::string::npos);
  EXPECT_NE(Refused("zoom=23", Kind::kClusters).find("zoom must be"), std::string::npos);
  EXPECT_NE(Refused("zoom=-1", Kind::kClusters).find("zoom must be"), std::string::npos);
}

TEST(SearchParameters, NoTextBreaksThem) {
  std::mt19937 random(4711); // NOLINT(cert-msc32-c,cert-msc51-cpp): the same texts each time
  const std::string_view kinds = "abz019.,()[]{}\"\\=&%+-_:/ \n\xC3\xA9\xFF";
  for (int i = 0; i < 20000; ++i) {
    std::string value;
    for (std::size_t length = random() % 24; length > 0; --length)
      value.push_back(kinds[random() % kinds.size()]);
    for (const char *name :
         {"q", "lang", "lat", "radius", "bbox", "price", "since", "order", "after", "or", "field", "facets"}) {
      const Parameters parameters{{name, i % 2 == 0 ? value : "not.in." + value}};
      for (const Kind kind : {Kind::kSearch, Kind::kFacets}) {
        const auto parsed = ParseSearch(kind, "listing", parameters);
        if (const auto *ask = std::get_if<Ask>(&parsed)) {
          EXPECT_TRUE(IsDatabaseText(ask->question.filters.value_or("")));
        }
      }
    }
  }
}

TEST(SearchBody, HitsWithoutARowAreLeftOut) {
  Ask ask;
  search::Found found;
  found.hits.push_back({"1", "0.5", std::nullopt, "95.00", "a <mark>b</mark> \"c\"", "c1", R"({"id":1})"});
  found.hits.push_back({"2", "0.4", "12.5", std::nullopt, std::nullopt, "c2", std::nullopt});
  found.hits.push_back({"a%2Cb", "NaN", "1e+06", "NaN", std::nullopt, "c3", R"({"id":3})"});
  found.next = "cursor";
  EXPECT_EQ(
      SearchBody(ask, found),
      R"({"items":[{"key":"1","score":0.5,"distance":null,"price":95.00,"headline":"a <mark>b</mark> \"c\"","item":{"id":1}},)"
      R"({"key":"a%2Cb","score":null,"distance":1e+06,"price":null,"headline":null,"item":{"id":3}}],)"
      R"("next":"cursor","relaxed":false})");
  found.hits.clear();
  found.next.reset();
  found.relaxed = true;
  found.total = "12";
  EXPECT_EQ(SearchBody(ask, found), R"({"items":[],"next":null,"relaxed":true,"total":12,"total_is_exact":false})");
}

TEST(SearchBody, AnItemThatCannotBeGivenIsAProblemOfItsOwn) {
  search::Found found;
  found.hits.push_back({"1", "0.5", std::nullopt, std::nullopt, std::nullopt, "c1", std::nullopt, true});
  const std::string body = SearchBody({}, found);
  EXPECT_NE(body.find(R"("key":"1","score":0.5,)"), std::string::npos) << body;
  EXPECT_NE(body.find(R"("item":null,"problem":{"type":"urn:itemize:problem:item-unencodable")"), std::string::npos)
      << body;
  EXPECT_EQ(body.find('\n'), std::string::npos);
}

TEST(SearchBody, EveryFacetAskedForIsThere) {
  Ask ask;
  ask.kind = Kind::kFacets;
  ask.facet_names = {"kind", "price", "none"};
  search::Found found;
  found.facets.push_back({"kind", "a\"b", std::nullopt, std::nullopt, "3"});
  found.facets.push_back({"kind", std::nullopt, std::nullopt, std::nullopt, "1"});
  found.facets.push_back({"price", std::nullopt, "0", "50", "2"});
  found.facets.push_back({"price", std::nullopt, "50", std::nullopt, "0"});
  EXPECT_EQ(SearchBody(ask, found),
            R"({"facets":{"kind":[{"value":"a\"b","count":3},{"value":null,"count":1}],)"
            R"("price":[{"low":"0","high":"50","count":2},{"low":"50","high":null,"count":0}],"none":[]}})");
}

TEST(SearchBody, AClusterOfOneHasItsKey) {
  Ask ask;
  ask.kind = Kind::kClusters;
  search::Found found;
  found.clusters.push_back({"2", "4.5", "51", "4", "50", "5", "52", std::nullopt});
  found.clusters.push_back({"1", "4.5", "51", "4.5", "51", "4.5", "51", "7"});
  EXPECT_EQ(SearchBody(ask, found), R"({"clusters":[{"count":2,"lon":4.5,"lat":51,"bbox":[4,50,5,52]},)"
                                    R"({"count":1,"lon":4.5,"lat":51,"bbox":[4.5,51,4.5,51],"key":"7"}]})");
}

TEST(SearchVerdict, ErrorsOfTheServerAreTold) {
  using search::Outcome;
  using search::VerdictOf;
  EXPECT_EQ(VerdictOf("22023"), Outcome::kWrong);
  EXPECT_EQ(VerdictOf("42703"), Outcome::kWrong);
  EXPECT_EQ(VerdictOf("54000"), Outcome::kWrong);
  EXPECT_EQ(VerdictOf("42704"), Outcome::kNotDefined);
  EXPECT_EQ(VerdictOf("42501"), Outcome::kRefused);
  EXPECT_EQ(VerdictOf("42883"), Outcome::kRefused);
  EXPECT_EQ(VerdictOf("55000"), Outcome::kRefused);
  EXPECT_EQ(VerdictOf("57014"), Outcome::kTimeout);
  EXPECT_EQ(VerdictOf("57P01"), Outcome::kUnavailable);
  EXPECT_EQ(VerdictOf(""), Outcome::kUnavailable);
  EXPECT_EQ(VerdictOf("53300"), Outcome::kBusy);
  EXPECT_EQ(VerdictOf("40001"), Outcome::kBusy);
  EXPECT_EQ(VerdictOf("XX000"), Outcome::kFailed);
}

} // namespace
} // namespace itemize::sidecar::http
