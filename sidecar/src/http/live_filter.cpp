#include "http/live_filter.hpp"

#include "http/filter_parameters.hpp"
#include "http/search_values.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

namespace itemize::sidecar::http {

namespace {

constexpr std::string_view kPossible =
    "a live filter has conditions on fields (price=lte.120), owner, parent, bbox, and lat, lon and radius";
/// Of a search, and of no use or not possible here.
constexpr std::array<std::string_view, 13> kWordsOfSearch{
    "q", "lang", "currency", "since", "until", "order", "limit", "after", "total", "facets", "zoom", "items", "topics"};

class Reader {
public:
  explicit Reader(const matching::TypeFacts &facts) : facts_(facts) {}

  std::optional<Problem> Read(const Parameters &parameters) {
    for (const auto &[name, value] : parameters) {
      if (name == "last_event_id") continue;
      if (!IsDatabaseText(name) || !IsDatabaseText(value))
        return BadRequest("the parameter " + Quoted(name) + " is no UTF-8 text, or holds a NUL");
      if (auto problem = One(name, value)) return problem;
    }
    return Together();
  }

  [[nodiscard]] const FilterParameters &filters() const { return filters_; }
  [[nodiscard]] const matching::Places &places() const { return places_; }

private:
  std::optional<Problem> One(const std::string &name, const std::string &value) {
    const bool condition = FilterParameters::JoinsFilters(name) || FilterParameters::LooksLikeFilter(value);
    if (condition && (FilterParameters::JoinsFilters(name) || facts_.IndexOf(name))) return filters_.Add(name, value);
    if (name == "owner") return Whose(value, name, places_.owner);
    if (name == "parent") return Whose(value, name, places_.parent);
    if (name == "bbox") return Bbox(value);
    if (name == "lat") return Number(value, name, lat_, ParseWithin(value, -90, 90), "degrees from -90 to 90");
    if (name == "lon") return Number(value, name, lon_, ParseWithin(value, -180, 180), "degrees from -180 to 180");
    if (name == "radius")
      return Number(value, name, radius_, ParseDistance(value), "a distance such as 500m, 5km or 3mi");
    if (std::find(kWordsOfSearch.begin(), kWordsOfSearch.end(), name) != kWordsOfSearch.end())
      return Problem{
          ProblemKind::kUnknownParameter, Quoted(name) + " is not possible here: " + std::string(kPossible), {}};
    if (condition) return filters_.Add(name, value); // is told which fields there are
    return Problem{ProblemKind::kUnknownParameter,
                   "there is no parameter " + Quoted(name) + " here: " + std::string(kPossible),
                   {}};
  }

  static Problem Twice(const std::string &name) {
    return BadRequest("the parameter " + Quoted(name) + " is given twice");
  }

  static std::optional<Problem> Whose(const std::string &value, const std::string &name,
                                      std::optional<std::string> &to) {
    if (to) return Twice(name);
    if (value.empty()) return BadRequest(name + " must not be empty");
    to = value;
    return std::nullopt;
  }

  static std::optional<Problem> Number(const std::string &value, const std::string &name, std::optional<double> &to,
                                       std::optional<double> number, const std::string &form) {
    if (to) return Twice(name);
    if (!number) return BadRequest(name + " must be " + form + ", not " + Quoted(value));
    to = number;
    return std::nullopt;
  }

  std::optional<Problem> Bbox(const std::string &value) {
    if (places_.box) return Twice("bbox");
    const auto edges = ParseBbox(value);
    if (!edges) return BadRequest(std::string(kBboxForm) + ", not " + Quoted(value));
    places_.box = matching::Places::Edges{(*edges)[0], (*edges)[1], (*edges)[2], (*edges)[3]};
    return std::nullopt;
  }

  std::optional<Problem> Together() {
    if (lat_.has_value() != lon_.has_value() || lat_.has_value() != radius_.has_value())
      return BadRequest("lat, lon and radius are given together or not at all");
    if (lat_) places_.circle = matching::Circle{*lon_, *lat_, *radius_};
    return std::nullopt;
  }

  const matching::TypeFacts &facts_;
  FilterParameters filters_;
  matching::Places places_;
  std::optional<double> lat_;
  std::optional<double> lon_;
  std::optional<double> radius_;
};

} // namespace

std::variant<std::shared_ptr<const matching::Filter>, Problem>
ParseLiveFilter(const std::shared_ptr<const matching::TypeFacts> &facts, const Parameters &parameters) {
  Reader reader(*facts);
  if (auto problem = reader.Read(parameters)) return *std::move(problem);
  auto compiled = matching::CompileFilter(facts, reader.filters().Json().value_or(""), reader.places());
  if (auto *wrong = std::get_if<std::string>(&compiled)) return BadRequest(std::move(*wrong));
  return std::get<std::shared_ptr<const matching::Filter>>(std::move(compiled));
}

} // namespace itemize::sidecar::http
