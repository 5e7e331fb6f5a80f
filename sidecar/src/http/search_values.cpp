#include "http/search_values.hpp"

#include "http/filter_parameters.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace itemize::sidecar::http {

namespace {

constexpr std::size_t kMaxFacets = 20;
constexpr std::size_t kMaxDecimalDigits = 40;

/// A finite decimal number, whatever the locale; nothing else, no sign but a minus.
std::optional<double> ParseNumber(std::string_view text) {
  if (text.empty() || text.find_first_not_of("0123456789.eE+-") != std::string_view::npos) return std::nullopt;
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(number)) return std::nullopt;
  return number;
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

std::optional<double> ParseWithin(std::string_view text, double low, double high) {
  const auto number = ParseNumber(text);
  return number && *number >= low && *number <= high ? number : std::nullopt;
}

std::string NumberText(double number) {
  std::array<char, 64> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() ? std::string(text.data(), end) : "0";
}

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

std::optional<std::array<double, 4>> ParseBbox(std::string_view text) {
  std::array<double, 4> edges{};
  for (std::size_t i = 0; i < edges.size(); ++i) {
    const std::size_t comma = text.find(',');
    if ((comma == std::string_view::npos) != (i + 1 == edges.size())) return std::nullopt;
    const double bound = i % 2 == 0 ? 180 : 90;
    const auto edge = ParseWithin(text.substr(0, comma), -bound, bound);
    if (!edge) return std::nullopt;
    edges.at(i) = *edge;
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  }
  if (edges[1] > edges[3]) return std::nullopt;
  return edges;
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
        std::to_string(kMaxFacets) + " facets, not " + Quoted(text));
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
      return BadRequest("the facet " + Quoted(name) + " is given twice");
    list.json += (list.json.empty() ? '{' : ',') + JsonString(name) + ':' + json;
    list.names.push_back(name);
  }
  list.json.push_back('}');
  return list;
}

} // namespace itemize::sidecar::http
