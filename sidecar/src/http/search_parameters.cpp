#include "http/search_parameters.hpp"

#include "http/filter_parameters.hpp"
#include "http/search_values.hpp"
#include "itemize/lsn.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace itemize::sidecar::http {

namespace {

using search::Ask;
using search::Kind;

constexpr std::size_t kMaxQueryBytes = 4096; // of a target of 8000
// Of codes of itemize.currency: those of one's own may be longer than the three letters of ISO 4217.
constexpr std::size_t kMinCurrencyBytes = 3;
constexpr std::size_t kMaxCurrencyBytes = 12;
constexpr std::uint64_t kMostFacetValues = 1000;
constexpr std::string_view kPriceForm = "price must have the form gte.20, lte.120 or eq.99, with a decimal number";

/// Reads one kind of request; the first problem ends it.
class SearchReader {
public:
  SearchReader(Kind kind, std::string_view type) {
    ask_.kind = kind;
    ask_.type = type;
  }

  std::variant<Ask, Problem> Read(const Parameters &parameters) {
    for (const auto &[name, value] : parameters) {
      if (auto problem = One(name, value)) return *std::move(problem);
    }
    if (auto problem = Together()) return *std::move(problem);
    ask_.question.filters = filters_.Json();
    return std::move(ask_);
  }

private:
  using Result = std::optional<Problem>;
  using ReadValue = Result (SearchReader::*)(const std::string &);

  struct Parameter {
    std::string_view name;
    ReadValue read;
    bool search;
    bool facets;
    bool clusters;
  };
  static const std::array<Parameter, 19> kParameters;

  [[nodiscard]] bool Has(const Parameter &parameter) const {
    switch (ask_.kind) {
    case Kind::kSearch: return parameter.search;
    case Kind::kFacets: return parameter.facets;
    case Kind::kClusters: return parameter.clusters;
    }
    return false;
  }

  Result One(const std::string &name, const std::string &value) {
    const auto *const known =
        std::find_if(kParameters.begin(), kParameters.end(), [&](const Parameter &one) { return one.name == name; });
    if (known != kParameters.end() && Has(*known)) {
      // A range of prices has two ends.
      if (name != "price" && !seen_.insert(name).second)
        return BadRequest("the parameter " + Quoted(name) + " is given twice");
      if (!IsDatabaseText(value))
        return BadRequest("the parameter " + Quoted(name) + " is no UTF-8 text, or holds a NUL");
      return (this->*known->read)(value);
    }
    // A word of another path is no field's name here.
    if (known == kParameters.end() && !name.empty() &&
        (FilterParameters::JoinsFilters(name) || FilterParameters::LooksLikeFilter(value))) {
      return filters_.Add(name, value);
    }
    return Problem{ProblemKind::kUnknownParameter,
                   "there is no parameter " + Quoted(name) + " here; a filter on a field has the form " +
                       name.substr(0, 100) + "=eq.VALUE",
                   {}};
  }

  Result Together() {
    if (lat_.empty() != lon_.empty()) return BadRequest("lat and lon are given together or not at all");
    if (!lat_.empty()) ask_.question.near = "SRID=4326;POINT(" + lon_ + ' ' + lat_ + ')';
    if (ask_.question.within && !ask_.question.near) return BadRequest("radius needs lat and lon");
    if (ask_.kind == Kind::kFacets && ask_.facet_names.empty())
      return BadRequest("facets is needed: room_type,price.ranges(0,50,100)");
    if (ask_.kind == Kind::kClusters && seen_.count("zoom") == 0)
      return BadRequest("zoom is needed: a whole number from 0 to " + std::to_string(search::kMaxZoom));
    return std::nullopt;
  }

  Result Query(const std::string &value) {
    if (value.size() > kMaxQueryBytes)
      return BadRequest("q must not be longer than " + std::to_string(kMaxQueryBytes) + " bytes");
    if (!value.empty()) ask_.question.query = value;
    return std::nullopt;
  }

  Result Lang(const std::string &value) {
    if (!IsLanguageTag(value))
      return BadRequest("lang must be a BCP 47 language tag, for example nl or pt-BR, not " + Quoted(value));
    ask_.question.lang = value;
    return std::nullopt;
  }

  Result Lat(const std::string &value) {
    const auto degrees = ParseWithin(value, -90, 90);
    if (!degrees) return BadRequest("lat must be a number of degrees from -90 to 90, not " + Quoted(value));
    lat_ = NumberText(*degrees); // not every form of a number is one in WKT
    return std::nullopt;
  }

  Result Lon(const std::string &value) {
    const auto degrees = ParseWithin(value, -180, 180);
    if (!degrees) return BadRequest("lon must be a number of degrees from -180 to 180, not " + Quoted(value));
    lon_ = NumberText(*degrees);
    return std::nullopt;
  }

  Result Radius(const std::string &value) {
    const auto metres = ParseDistance(value);
    if (!metres) {
      return BadRequest("radius must be a distance such as 500m, 5km or 3mi (a bare number means metres), from 0 to " +
                        std::to_string(static_cast<int>(kMaxRadiusMetres / 1000)) + " km, not " + Quoted(value));
    }
    ask_.question.within = NumberText(*metres);
    return std::nullopt;
  }

  Result Bbox(const std::string &value) {
    if (!ParseBbox(value)) return BadRequest(std::string(kBboxForm) + ", not " + Quoted(value));
    ask_.question.bbox = '{' + value + '}';
    return std::nullopt;
  }

  Result Price(const std::string &value) {
    const std::size_t dot = value.find('.');
    const std::string op = value.substr(0, dot);
    const bool low = op == "gte" || op == "eq";
    const bool high = op == "lte" || op == "eq";
    if (dot == std::string::npos || !(low || high))
      return BadRequest(std::string(kPriceForm) + ", not " + Quoted(value));
    const std::string amount = value.substr(dot + 1);
    if (!IsDecimal(amount)) return BadRequest(std::string(kPriceForm) + ", not " + Quoted(value));
    if ((low && ask_.question.price_min) || (high && ask_.question.price_max))
      return BadRequest("the parameter 'price' is given twice with one end of the range");
    if (low) ask_.question.price_min = amount;
    if (high) ask_.question.price_max = amount;
    return std::nullopt;
  }

  Result Currency(const std::string &value) {
    const auto is_of_code = [](char c) { return IsLetter(c) || IsDigit(c); };
    if (value.size() < kMinCurrencyBytes || value.size() > kMaxCurrencyBytes ||
        !std::all_of(value.begin(), value.end(), is_of_code))
      return BadRequest("currency must be a code such as EUR, of 3 to 12 letters and digits, not " + Quoted(value));
    std::string code;
    for (const char c : value)
      code.push_back(c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c);
    ask_.question.currency = code;
    return std::nullopt;
  }

  Result Moment(const std::string &value, const char *name, std::optional<std::string> &to) {
    to = ParseMoment(value);
    if (to) return std::nullopt;
    return BadRequest(std::string(name) +
                      " must be a date or a time of RFC 3339, for example 2026-07-01 or 2026-07-01T12:00:00Z, not " +
                      Quoted(value));
  }
  Result Since(const std::string &value) { return Moment(value, "since", ask_.question.since); }
  Result Until(const std::string &value) { return Moment(value, "until", ask_.question.until); }

  Result Owner(const std::string &value) {
    if (value.empty()) return BadRequest("owner must not be empty; leave it out for all owners");
    ask_.question.owner = value;
    return std::nullopt;
  }

  Result Parent(const std::string &value) {
    if (value.empty()) return BadRequest("parent must not be empty; leave it out for all parents");
    ask_.question.parent = value;
    return std::nullopt;
  }

  Result Order(const std::string &value) {
    if (!IsOrder(value)) {
      return BadRequest(
          "order must be relevance, distance, price, changed, key or a field, each with .asc or .desc and "
          ".nullsfirst or .nullslast if need be, separated by commas, not " +
          Quoted(value));
    }
    ask_.order = value;
    return std::nullopt;
  }

  Result Limit(const std::string &value) {
    const auto limit = ParseUint64(value);
    if (!limit || *limit < 1 || *limit > search::kMaxResults)
      return BadRequest("limit must be a number from 1 to " + std::to_string(search::kMaxResults));
    ask_.limit = static_cast<std::size_t>(*limit);
    return std::nullopt;
  }

  Result After(const std::string &value) {
    if (!IsCursor(value)) return BadRequest("after must be what the page before has as next");
    ask_.after = value;
    return std::nullopt;
  }

  Result Total(const std::string &value) {
    if (value == "none")
      ask_.total = Ask::Total::kNone;
    else if (value == "estimated")
      ask_.total = Ask::Total::kEstimated;
    else if (value == "exact")
      ask_.total = Ask::Total::kExact;
    else
      return BadRequest("total must be none, estimated or exact, not " + Quoted(value));
    return std::nullopt;
  }

  Result Facets(const std::string &value) {
    auto parsed = ParseFacets(value);
    if (auto *problem = std::get_if<Problem>(&parsed)) return std::move(*problem);
    auto &list = std::get<FacetList>(parsed);
    ask_.facets = std::move(list.json);
    ask_.facet_names = std::move(list.names);
    return std::nullopt;
  }

  Result MaxValues(const std::string &value) {
    const auto count = ParseUint64(value);
    if (!count || *count < 1 || *count > kMostFacetValues)
      return BadRequest("max_values must be a number from 1 to " + std::to_string(kMostFacetValues));
    ask_.max_values = value;
    return std::nullopt;
  }

  Result Zoom(const std::string &value) {
    const auto zoom = ParseUint64(value);
    if (!zoom || *zoom > search::kMaxZoom)
      return BadRequest("zoom must be a whole number from 0 to " + std::to_string(search::kMaxZoom) + ", not " +
                        Quoted(value));
    ask_.zoom = static_cast<unsigned>(*zoom);
    return std::nullopt;
  }

  Ask ask_;
  FilterParameters filters_;
  std::set<std::string> seen_;
  std::string lat_;
  std::string lon_;
};

const std::array<SearchReader::Parameter, 19> SearchReader::kParameters{{
    {"q", &SearchReader::Query, true, true, true},         {"lang", &SearchReader::Lang, true, true, true},
    {"lat", &SearchReader::Lat, true, true, true},         {"lon", &SearchReader::Lon, true, true, true},
    {"radius", &SearchReader::Radius, true, true, true},   {"bbox", &SearchReader::Bbox, true, true, true},
    {"price", &SearchReader::Price, true, true, true},     {"currency", &SearchReader::Currency, true, true, true},
    {"since", &SearchReader::Since, true, true, true},     {"until", &SearchReader::Until, true, true, true},
    {"owner", &SearchReader::Owner, true, true, true},     {"parent", &SearchReader::Parent, true, true, true},
    {"order", &SearchReader::Order, true, false, false},   {"limit", &SearchReader::Limit, true, false, false},
    {"after", &SearchReader::After, true, false, false},   {"total", &SearchReader::Total, true, false, false},
    {"facets", &SearchReader::Facets, false, true, false}, {"max_values", &SearchReader::MaxValues, false, true, false},
    {"zoom", &SearchReader::Zoom, false, false, true},
}};

} // namespace

std::variant<Ask, Problem> ParseSearch(Kind kind, std::string_view type, const Parameters &parameters) {
  return SearchReader(kind, type).Read(parameters);
}

} // namespace itemize::sidecar::http
