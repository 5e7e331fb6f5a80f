// The query of /v1/live/{type}.
#include "matching_fixture.hpp"

#include "http/live_filter.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

#include <utility>
#include <variant>
#include <vector>

namespace itemize::sidecar::http {
namespace {

using matching::JsonValues;

std::variant<std::shared_ptr<const matching::Filter>, Problem> Parse(const std::string &query) {
  return ParseLiveFilter(matching::ListingFacts(), ParseQuery(query).value());
}

std::string Refusal(const std::string &query) {
  const auto parsed = Parse(query);
  const auto *problem = std::get_if<Problem>(&parsed);
  return problem != nullptr ? std::string(TextOf(problem->kind).name) + ": " + problem->detail : "accepted";
}

bool Matches(const std::string &query, const JsonValues &row) {
  const auto parsed = Parse(query);
  const auto *filter = std::get_if<std::shared_ptr<const matching::Filter>>(&parsed);
  if (filter == nullptr) throw std::runtime_error(std::get<Problem>(parsed).detail);
  const auto facts = matching::ListingFacts();
  const auto change = matching::ChangeOf(*facts, nullptr, &row);
  return (*filter)->Matches(*matching::ReadChange(*facts, (*filter)->used(), change.view()).value().after);
}

TEST(LiveFilter, SpeaksTheWordsOfASearch) {
  const JsonValues row{"95.50",
                       "2",
                       R"("private, shared")",
                       "4.5",
                       "true",
                       R"("2026-07-01T10:00:00+00:00")",
                       R"({"type":"Point","coordinates":[4.3997,51.2213]})",
                       "[]",
                       R"("listed")",
                       R"("ann")"};
  for (const char *query :
       {"price=lte.120", "price=gte.20&price=lt.95.51", "price=eq.95.5", "room_type=in.(x,%22private,%20shared%22)",
        "open=is.true", "beds=not.eq.3&price=lte.120", "state=eq.listed", "owner=ann", "created=gte.2026-07-01",
        "created=eq.2026-07-01T12:00:00%2B02:00", "created=eq.2026-07-01T12:00:00+02:00", "bbox=4.3,51.1,4.5,51.3",
        "lat=51.22&lon=4.40&radius=5km", "or=(beds.eq.7,price.lt.100)", "price=lte.120&last_event_id=x",
        "and=(price.lt.100,not.or(beds.eq.7,beds.eq.8))", "bbox=170,-90,10,90"})
    EXPECT_TRUE(Matches(query, row)) << query;
  for (const char *query : {"price=lt.95.5", "price=gte.20&price=lt.95.5", "room_type=eq.private", "open=is.false",
                            "owner=bob", "created=gt.2026-07-01T10:00:00Z", "bbox=4.41,51.1,4.5,51.3",
                            "lat=51.22&lon=4.50&radius=5km", "or=(beds.eq.7,price.gt.100)", "bbox=10,-90,-170,90"})
    EXPECT_FALSE(Matches(query, row)) << query;
}

TEST(LiveFilter, AProblemNamesTheParameterAndWhatIsPossible) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"", "bad-request: a filter is needed"},
      {"q=sea", "unknown-parameter: 'q' is not possible here: a live filter has conditions on fields"},
      {"price=lte.1&currency=USD", "unknown-parameter: 'currency' is not possible here"},
      {"order=price", "unknown-parameter: 'order' is not possible here"},
      {"beds=2", "unknown-parameter: there is no parameter 'beds' here"},
      {"prize=lte.1", "bad-request: the type listing has no field 'prize'; there are price, beds"},
      {"price=lte.cheap", "bad-request: the field 'price' is compared with a number"},
      {"room_type=like.a*", "bad-request: the operator like is not possible"},
      {"lat=1&lon=2", "bad-request: lat, lon and radius are given together"},
      {"lat=91&lon=2&radius=1", "bad-request: lat must be degrees from -90 to 90, not '91'"},
      {"lat=1&lat=1&lon=2&radius=1", "bad-request: the parameter 'lat' is given twice"},
      {"lat=1&lon=1&radius=far", "bad-request: radius must be a distance"},
      {"bbox=1,2,3", "bad-request: bbox must be west,south,east,north"},
      {"owner=", "bad-request: owner must not be empty"},
      {"parent=1", "bad-request: the parent of listing is not among its fields"},
      {"price=eq.1&price=eq.2", "bad-request: the filter 'price' is given twice with eq"},
      {"room_type=eq.%ff", "bad-request: the parameter 'room_type' is no UTF-8 text"}};
  for (const auto &[query, problem] : cases)
    EXPECT_EQ(Refusal(query).substr(0, problem.size()), problem) << query;
}

} // namespace
} // namespace itemize::sidecar::http
