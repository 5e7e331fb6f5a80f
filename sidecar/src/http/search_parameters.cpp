#include "http/search_parameters.hpp"

#include "http/filter_parameters.hpp"
#include "itemize/lsn.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <set>

namespace itemize::sidecar::http {

namespace {

using search::Ask;
using search::Kind;

constexpr std::size_t kMaxQueryBytes = 4096; // of a target of 8000
constexpr std::size_t kMaxFacets = 20;
constexpr std::uint64_t kMostFacetValues = 1000;
constexpr std::size_t kMaxDecimalDigits = 40;
constexpr std::string_view kPriceForm = "price must have the form gte.20, lte.120 or eq.99, with a decimal number";

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// `value` at the end of a sentence about what it is not.
std::string Not(std::string_view value) { return ", not '" + std::string(value.substr(0, 100)) + '\''; }

/// A finite decimal number, whatever the locale; nothing else, no sign but a minus.
std::optional<double> ParseNumber(std::string_view text) {
  if (text.empty() || text.find_first_not_of("0123456789.eE+-") != std::string_view::npos) return std::nullopt;
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(number)) return std::nullopt;
  return number;
}

std::optional<double> ParseWithin(std::string_view text, double low, double high) {
  const auto number = ParseNumber(text);
  return number && *number >= low && *number <= high ? number : std::nullopt;
}

std::string NumberText(double number) {
  std::array<char, 64> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() ? std::string(text.data(), end) : "0";
}

/// Digits with at most one point between them: a numeric, to be taken as it is.
bool IsDecimal(std::string_view text) {
  if (!text.empty() && text.front() == '-') text.remove_prefix(1);
  const std::size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  const std::string_view fraction = point == std::string_view::npos ? "0" : text.substr(point + 1);
  const auto digits = [](std::string_view part) {
    return !part.empty() && std::all_of(part.begin(), part.end(), IsDigit);
  };
  return digits(whole) && digits(fraction) && text.size() <= kMaxDecimalDigits;
}

/// The form of BCP 47: letters, then parts of letters and digits.
bool IsLanguageTag(std::string_view text) {
  std::size_t part = 0;
  bool first = true;
  for (const char c : text) {
    if (c == '-') {
      if (part == 0) return false;
      part = 0;
      first = false;
    } else if (!(IsLetter(c) || (!first && IsDigit(c))) || ++part > 8) {
      return false;
    }
  }
  return part > 0 && text.size() <= 64;
}

/// `name`, `name.desc`, `name.asc.nullslast`, … separated by commas.
bool IsOrder(std::string_view text) {
  while (true) {
    const std::size_t comma = text.find(',');
    std::string_view term = text.substr(0, comma);
    const std::size_t dot = term.find('.');
    if (term.substr(0, dot).empty()) return false;
    if (term.front() == '"') return true; // a name with any signs: the database reads it
    std::string_view rest = dot == std::string_view::npos ? std::string_view() : term.substr(dot);
    for (const std::string_view word : {".asc", ".desc", ".nullsfirst", ".nullslast"}) {
      if (rest.substr(0, word.size()) == word && (rest.size() == word.size() || rest[word.size()] == '.'))
        rest.remove_prefix(word.size());
    }
    if (!rest.empty()) return false;
    if (comma == std::string_view::npos) return true;
    text.remove_prefix(comma + 1);
  }
}

bool IsCursor(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return IsLetter(c) || IsDigit(c) || c == '-' || c == '_' || c == '=';
  });
}

/// The digits of `text` from `at` on, `count` of them, as a number; nothing when there are others.
std::optional<int> DigitsAt(std::string_view text, std::size_t at, std::size_t count) {
  if (text.size() < at + count) return std::nullopt;
  int number = 0;
  for (const char c : text.substr(at, count)) {
    if (!IsDigit(c)) return std::nullopt;
    number = number * 10 + (c - '0');
  }
  return number;
}

bool IsBetween(const std::optional<int> &number, int low, int high) {
  return number && *number >= low && *number <= high;
}

/// Takes `hh:mm` off the front of `text`.
bool TakeClock(std::string_view &text, int most_hours) {
  if (!IsBetween(DigitsAt(text, 0, 2), 0, most_hours) || text.substr(2, 1) != ":" ||
      !IsBetween(DigitsAt(text, 3, 2), 0, 59)) {
    return false;
  }
  text.remove_prefix(5);
  return true;
}

/// Reads one kind of request; the first problem ends it.
class Reader {
public:
  Reader(Kind kind, std::string_view type) {
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
  using ReadValue = Result (Reader::*)(const std::string &);

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
        return BadRequest("the parameter '" + name + "' is given twice");
      if (!IsDatabaseText(value)) return BadRequest("the parameter '" + name + "' is no UTF-8 text, or holds a NUL");
      return (this->*known->read)(value);
    }
    // A word of another path is no field's name here.
    if (known == kParameters.end() && !name.empty() && (name == "or" || FilterParameters::LooksLikeFilter(value))) {
      return filters_.Add(name, value);
    }
    return Problem{ProblemKind::kUnknownParameter,
                   "there is no parameter '" + name.substr(0, 100) + "' here; a filter on a field has the form " +
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
      return BadRequest("lang must be a BCP 47 language tag, for example nl or pt-BR" + Not(value));
    ask_.question.lang = value;
    return std::nullopt;
  }

  Result Lat(const std::string &value) {
    const auto degrees = ParseWithin(value, -90, 90);
    if (!degrees) return BadRequest("lat must be a number of degrees from -90 to 90" + Not(value));
    lat_ = NumberText(*degrees); // not every form of a number is one in WKT
    return std::nullopt;
  }

  Result Lon(const std::string &value) {
    const auto degrees = ParseWithin(value, -180, 180);
    if (!degrees) return BadRequest("lon must be a number of degrees from -180 to 180" + Not(value));
    lon_ = NumberText(*degrees);
    return std::nullopt;
  }

  Result Radius(const std::string &value) {
    const auto metres = ParseDistance(value);
    if (!metres) {
      return BadRequest("radius must be a distance such as 500m, 5km or 3mi (a bare number means metres), from 0 to " +
                        std::to_string(static_cast<int>(kMaxRadiusMetres / 1000)) + " km" + Not(value));
    }
    ask_.question.within = NumberText(*metres);
    return std::nullopt;
  }

  Result Bbox(const std::string &value) {
    const auto bad = [&] {
      return BadRequest(
          "bbox must be west,south,east,north in degrees, south not above north; west above east crosses the "
          "antimeridian" +
          Not(value));
    };
    std::array<double, 4> edges{};
    std::string_view rest = value;
    for (std::size_t i = 0; i < edges.size(); ++i) {
      const std::size_t comma = rest.find(',');
      if ((comma == std::string_view::npos) != (i + 1 == edges.size())) return bad();
      const double bound = i % 2 == 0 ? 180 : 90;
      const auto edge = ParseWithin(rest.substr(0, comma), -bound, bound);
      if (!edge) return bad();
      edges[i] = *edge;
      rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
    }
    if (edges[1] > edges[3]) return bad();
    ask_.question.bbox = '{' + value + '}';
    return std::nullopt;
  }

  Result Price(const std::string &value) {
    const std::size_t dot = value.find('.');
    const std::string op = value.substr(0, dot);
    const bool low = op == "gte" || op == "eq";
    const bool high = op == "lte" || op == "eq";
    if (dot == std::string::npos || !(low || high)) return BadRequest(std::string(kPriceForm) + Not(value));
    const std::string amount = value.substr(dot + 1);
    if (!IsDecimal(amount)) return BadRequest(std::string(kPriceForm) + Not(value));
    if ((low && ask_.question.price_min) || (high && ask_.question.price_max))
      return BadRequest("the parameter 'price' is given twice with one end of the range");
    if (low) ask_.question.price_min = amount;
    if (high) ask_.question.price_max = amount;
    return std::nullopt;
  }

  Result Currency(const std::string &value) {
    if (value.size() != 3 || !std::all_of(value.begin(), value.end(), IsLetter))
      return BadRequest("currency must be a code of ISO 4217 such as EUR" + Not(value));
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
                      " must be a date or a time of RFC 3339, for example 2026-07-01 or 2026-07-01T12:00:00Z" +
                      Not(value));
  }
  Result Since(const std::string &value) { return Moment(value, "since", ask_.question.since); }
  Result Until(const std::string &value) { return Moment(value, "until", ask_.question.until); }

  Result Owner(const std::string &value) {
    ask_.question.owner = value;
    return std::nullopt;
  }

  Result Parent(const std::string &value) {
    ask_.question.parent = value;
    return std::nullopt;
  }

  Result Order(const std::string &value) {
    if (!IsOrder(value)) {
      return BadRequest(
          "order must be relevance, distance, price, changed, key or a field, each with .asc or .desc and "
          ".nullsfirst or .nullslast if need be, separated by commas" +
          Not(value));
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
      return BadRequest("total must be none, estimated or exact" + Not(value));
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
      return BadRequest("zoom must be a whole number from 0 to " + std::to_string(search::kMaxZoom) + Not(value));
    ask_.zoom = static_cast<unsigned>(*zoom);
    return std::nullopt;
  }

  Ask ask_;
  FilterParameters filters_;
  std::set<std::string> seen_;
  std::string lat_;
  std::string lon_;
};

const std::array<Reader::Parameter, 19> Reader::kParameters{{
    {"q", &Reader::Query, true, true, true},         {"lang", &Reader::Lang, true, true, true},
    {"lat", &Reader::Lat, true, true, true},         {"lon", &Reader::Lon, true, true, true},
    {"radius", &Reader::Radius, true, true, true},   {"bbox", &Reader::Bbox, true, true, true},
    {"price", &Reader::Price, true, true, true},     {"currency", &Reader::Currency, true, true, true},
    {"since", &Reader::Since, true, true, true},     {"until", &Reader::Until, true, true, true},
    {"owner", &Reader::Owner, true, true, true},     {"parent", &Reader::Parent, true, true, true},
    {"order", &Reader::Order, true, false, false},   {"limit", &Reader::Limit, true, false, false},
    {"after", &Reader::After, true, false, false},   {"total", &Reader::Total, true, false, false},
    {"facets", &Reader::Facets, false, true, false}, {"max_values", &Reader::MaxValues, false, true, false},
    {"zoom", &Reader::Zoom, false, false, true},
}};

/// A decimal as JSON writes it, anything else as text: `007` is no number there.
std::string NumberOrText(const std::string &text) {
  const std::size_t first = text.find_first_not_of('-');
  const bool padded =
      first != std::string::npos && text.size() > first + 1 && text[first] == '0' && text[first + 1] != '.';
  return IsDecimal(text) && !padded ? text : JsonString(text);
}

/// `0,50,100` as a JSON array: decimals as numbers, everything else, such as dates, as text.
std::optional<std::string> RangesJson(std::string_view inside) {
  const auto bounds = SplitOutside(inside);
  if (!bounds) return std::nullopt;
  std::string json;
  for (const std::string &bound : *bounds) {
    if (bound.empty()) return std::nullopt;
    if (!json.empty()) json.push_back(',');
    json += NumberOrText(bound);
  }
  return R"({"ranges":[)" + json + "]}";
}

} // namespace

std::optional<double> ParseDistance(std::string_view text) {
  struct Unit {
    std::string_view name;
    double metres;
  };
  constexpr std::array<Unit, 3> kUnits{{{"km", 1000}, {"mi", 1609.344}, {"m", 1}}};
  double factor = 1;
  for (const Unit &unit : kUnits) {
    if (text.size() <= unit.name.size() || text.substr(text.size() - unit.name.size()) != unit.name) continue;
    factor = unit.metres;
    text.remove_suffix(unit.name.size());
    break;
  }
  const auto number = ParseNumber(text);
  if (!number || *number < 0 || *number * factor > kMaxRadiusMetres) return std::nullopt;
  return *number * factor;
}

std::optional<std::string> ParseMoment(std::string_view text) {
  std::string_view rest = text;
  if (!IsBetween(DigitsAt(rest, 0, 4), 1, 9999) || rest.substr(4, 1) != "-" ||
      !IsBetween(DigitsAt(rest, 5, 2), 1, 12) || rest.substr(7, 1) != "-" || !IsBetween(DigitsAt(rest, 8, 2), 1, 31)) {
    return std::nullopt;
  }
  const std::string day(rest.substr(0, 10));
  rest.remove_prefix(10);
  if (rest.empty()) return day + "T00:00:00Z";
  if (rest.front() != 'T' && rest.front() != 't' && rest.front() != ' ') return std::nullopt;
  rest.remove_prefix(1);
  const std::string_view clock = rest;
  if (!TakeClock(rest, 23)) return std::nullopt;
  if (rest.substr(0, 1) == ":") {
    if (!IsBetween(DigitsAt(rest, 1, 2), 0, 60)) return std::nullopt;
    rest.remove_prefix(3);
    if (rest.substr(0, 1) == ".") {
      std::size_t end = 1;
      while (end < rest.size() && IsDigit(rest[end]))
        ++end;
      if (end == 1 || end > 7) return std::nullopt;
      rest.remove_prefix(end);
    }
  }
  const std::string moment = day + 'T' + std::string(clock.substr(0, clock.size() - rest.size()));
  if (rest.empty() || rest == "Z" || rest == "z") return moment + 'Z';
  const char sign = rest.front() == ' ' ? '+' : rest.front();
  if (sign != '+' && sign != '-') return std::nullopt;
  std::string_view offset = rest.substr(1);
  const std::string_view whole = offset;
  if (!TakeClock(offset, 15) || !offset.empty()) return std::nullopt;
  return moment + sign + std::string(whole);
}

std::variant<FacetList, Problem> ParseFacets(std::string_view text) {
  const auto bad = [&] {
    return BadRequest(
        "facets must have the form room_type,price.ranges(0,50,100),created.interval(month), with at most " +
        std::to_string(kMaxFacets) + " facets" + Not(text));
  };
  const auto parts = SplitOutside(text);
  if (!parts || parts->size() > kMaxFacets) return bad();
  FacetList list;
  for (const std::string &part : *parts) {
    const std::size_t open = part.find('(');
    const std::size_t dot = part.substr(0, open).rfind('.');
    const std::string name = part.substr(0, dot);
    std::string json = "{}";
    if (dot != std::string::npos || open != std::string::npos) {
      if (open == std::string::npos || dot == std::string::npos || part.back() != ')') return bad();
      const std::string form = part.substr(dot + 1, open - dot - 1);
      const std::string inside = part.substr(open + 1, part.size() - open - 2);
      if (form == "ranges") {
        auto ranges = RangesJson(inside);
        if (!ranges) return bad();
        json = *std::move(ranges);
      } else if (form == "interval" && !inside.empty()) {
        json = R"({"interval":)" + NumberOrText(inside) + '}';
      } else {
        return bad();
      }
    }
    if (name.empty()) return bad();
    if (std::find(list.names.begin(), list.names.end(), name) != list.names.end())
      return BadRequest("the facet '" + name.substr(0, 100) + "' is given twice");
    list.json += (list.json.empty() ? '{' : ',') + JsonString(name) + ':' + json;
    list.names.push_back(name);
  }
  list.json.push_back('}');
  return list;
}

std::variant<Ask, Problem> ParseSearch(Kind kind, std::string_view type, const Parameters &parameters) {
  return Reader(kind, type).Read(parameters);
}

} // namespace itemize::sidecar::http
