#include "search/facets_parse.hpp"

#include <utility>

#include "boundary/error.hpp"
#include "search/filters_json.hpp"

namespace itemize {

namespace {

using JsonKind = JsonValue::Kind;

constexpr int kInvalidValue = SqlState("22023");
constexpr int kLimitExceeded = SqlState("54000");
constexpr std::size_t kMaxNumberText = 30;
constexpr const char *kOptionsHint =
    R"(Write {} for values, {"ranges": [0, 50, 100]}, {"interval": 10}, {"interval": "month"} or {"buckets": 10}.)";

Error Wrong(const std::string &facet, const std::string &what) {
  return Error(kInvalidValue, "facet \"" + Shown(facet) + "\": " + what).Hint(kOptionsHint);
}

bool IsCalendarInterval(std::string_view word) {
  return word == "day" || word == "week" || word == "month" || word == "quarter" || word == "year";
}

/// A number above zero, of a size that arithmetic on it stays small.
bool IsWidth(std::string_view text) {
  if (text.empty() || text.size() > kMaxNumberText) return false;
  bool above_zero = false;
  int points = 0;
  for (const char character : text) {
    if (character == '.') {
      ++points;
    } else if (character < '0' || character > '9') {
      return false;
    } else if (character != '0') {
      above_zero = true;
    }
  }
  return above_zero && points <= 1 && text.front() != '.' && text.back() != '.';
}

void ReadInterval(FacetRequest &facet, const JsonValue &value) {
  facet.interval = value.text;
  if (value.kind == JsonKind::kString && IsCalendarInterval(value.text)) {
    facet.kind = FacetRequest::Kind::kCalendar;
  } else if ((value.kind == JsonKind::kNumber || value.kind == JsonKind::kString) && IsWidth(value.text)) {
    facet.kind = FacetRequest::Kind::kWidth;
  } else {
    throw Wrong(facet.column, "an interval is a number above zero, or day, week, month, quarter or year");
  }
}

void ReadBounds(FacetRequest &facet, const JsonValue &value) {
  if (value.kind != JsonKind::kArray || value.items.empty()) throw Wrong(facet.column, "ranges need a list of bounds");
  if (value.items.size() > static_cast<std::size_t>(kMaxFacetBounds)) {
    throw Error(kLimitExceeded,
                "facet \"" + Shown(facet.column) + "\" has more than " + std::to_string(kMaxFacetBounds) + " bounds");
  }
  facet.kind = FacetRequest::Kind::kRanges;
  for (const JsonValue &bound : value.items) {
    if (!bound.IsScalar() || bound.kind == JsonKind::kNull) {
      throw Wrong(facet.column, "a bound must be a value; the first and the last range are open anyhow");
    }
    facet.bounds.push_back(bound.text);
  }
}

void ReadBuckets(FacetRequest &facet, const JsonValue &value) {
  int buckets = 0;
  for (const char character : value.text) {
    const bool digit = character >= '0' && character <= '9';
    buckets = digit && buckets <= kMaxFacetBuckets ? buckets * 10 + (character - '0') : kMaxFacetBuckets + 1;
  }
  if (!value.IsScalar() || buckets < 1 || buckets > kMaxFacetBuckets) {
    throw Wrong(facet.column, "buckets are a number from 1 to " + std::to_string(kMaxFacetBuckets));
  }
  facet.kind = FacetRequest::Kind::kBuckets;
  facet.buckets = buckets;
}

FacetRequest ReadFacet(const std::string &column, const JsonValue &options) {
  FacetRequest facet;
  facet.column = column;
  if (options.kind != JsonKind::kObject) throw Wrong(column, "options must be a JSON object");
  int groupings = 0;
  for (const auto &[name, value] : options.members) {
    if (name == "time_zone" && value.kind == JsonKind::kString) {
      facet.time_zone = value.text;
      facet.has_time_zone = true;
      continue;
    }
    ++groupings;
    if (name == "ranges") {
      ReadBounds(facet, value);
    } else if (name == "interval") {
      ReadInterval(facet, value);
    } else if (name == "buckets") {
      ReadBuckets(facet, value);
    } else {
      throw Wrong(column, "there is no option \"" + Shown(name) + "\" of that kind");
    }
  }
  if (groupings > 1) throw Wrong(column, "only one of ranges, interval and buckets can be given");
  if (facet.has_time_zone && facet.kind != FacetRequest::Kind::kCalendar) {
    throw Wrong(column, "a time zone needs an interval of the calendar");
  }
  return facet;
}

} // namespace

std::vector<FacetRequest> ParseFacets(std::string_view json) {
  const JsonValue document = ReadJson(json, "facets");
  std::vector<FacetRequest> facets;
  if (document.IsScalar()) {
    throw Error(kInvalidValue, "facets must be a list of columns, or an object of columns and options")
        .Hint(R"(Write ["room_type"] or {"room_type": {}, "price": {"ranges": [0, 50, 100]}}.)");
  }
  const std::size_t count = document.items.size() + document.members.size();
  if (count == 0) throw Error(kInvalidValue, "no facet is asked for");
  if (count > static_cast<std::size_t>(kMaxFacets)) {
    throw Error(kLimitExceeded, "more than " + std::to_string(kMaxFacets) + " facets in one call");
  }
  for (const JsonValue &item : document.items) {
    if (item.kind != JsonKind::kString) throw Wrong(item.text, "a list of facets has names of columns");
    FacetRequest facet;
    facet.column = item.text;
    facets.push_back(std::move(facet));
  }
  for (const auto &[column, options] : document.members)
    facets.push_back(ReadFacet(column, options));
  return facets;
}

} // namespace itemize
