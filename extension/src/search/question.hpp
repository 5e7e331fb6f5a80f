// What a search, a count, facets and clusters are asked: the arguments that they share, decoded and checked.
#pragma once

#include <optional>
#include <string>

#include "definition/search_model.hpp"
#include "search/bounding_box.hpp"
#include "search/text/compile.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "datatype/timestamp.h"
#include "utils/jsonb.h"
}

namespace itemize {

/// Limits of the arguments, stated in docs/reference/search.md.
inline constexpr int kMaxPlaceVertices = 10000;
/// Half the circumference of the earth in metres: no two places are farther from each other.
inline constexpr double kMaxDistance = 20037508.5;

struct Rates; // price.cpp

/// Data pointed to lives in the memory context of the call. Only what was asked for is set: an argument that was NULL,
/// or a text that was empty, is not.
struct Question {
  std::optional<std::string> query;
  std::optional<std::string> lang;
  std::optional<CompiledQuery> compiled; ///< of `query`
  std::optional<Datum> near;             ///< a geography
  std::optional<double> within;          ///< metres; only with near
  std::optional<BoundingBox> bbox;
  std::optional<Datum> area; ///< a geography, polygonal
  std::optional<Datum> price_min;
  std::optional<Datum> price_max;
  std::optional<std::string> currency; ///< the visitor's, as he wrote it
  Jsonb *filters = nullptr;
  std::optional<TimestampTz> since;
  std::optional<TimestampTz> until;
  std::optional<std::string> owner;
  std::optional<std::string> parent;
  std::optional<TimestampTz> rates_at; ///< the rates of this moment; not set: those of now
  /// Of `currency`, once they have been read.
  mutable Rates *rates = nullptr;
};

/// Number of the arguments, which all functions have in this order, one after the other: query, lang, near, within,
/// bbox, area, price_min, price_max, currency, filters, since, until, owner, parent.
inline constexpr int kQuestionArguments = 14;

/// A text, nothing where it is NULL or empty; raises 54000, by `name`, for one of more bytes than `limit`.
std::optional<std::string> TextArgument(FunctionCallInfo fcinfo, int index, const char *name, std::size_t limit);

/// Reads them, from argument `first` on. Raises 22023 for what is out of range, 42703 for what the definition has no
/// column for.
Question ReadQuestion(FunctionCallInfo fcinfo, int first, const SearchDefinition &definition);

/// The item type asked for, argument 0 of all functions; raises 22004 for null, and what RequireAccess does.
const SearchDefinition *ReadSearchDefinition(FunctionCallInfo fcinfo);

} // namespace itemize
