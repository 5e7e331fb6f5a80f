#include "search/question.hpp"

#include <cmath>

#include "boundary/entry.hpp"
#include "search/filters.hpp"
#include "search/place.hpp"
#include "search/run.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "access/detoast.h"
#include "utils/float.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"
}

namespace itemize {

namespace {

/// The arguments in the order that all functions have them.
enum Argument : uint8 {
  kQuery,
  kLang,
  kNear,
  kWithin,
  kBbox,
  kArea,
  kPriceMin,
  kPriceMax,
  kCurrency,
  kFilters,
  kSince,
  kUntil,
  kOwner,
  kParent
};
static_assert(kParent + 1 == kQuestionArguments);

/// Tags and codes; anything longer is none.
constexpr std::size_t kMaxTagBytes = 64;
/// An owner or a parent.
constexpr std::size_t kMaxReferenceBytes = 4096;

[[noreturn]] void RefuseMissing(const SearchDefinition &definition, const char *argument, const char *purpose) {
  throw Error(ERRCODE_UNDEFINED_COLUMN, "item type \"" + std::string(NameStr(definition.item.type)) + "\" has no " +
                                            purpose + ", so it cannot be searched by " + argument)
      .Hint("Define it with " + std::string(purpose) + " => ..., or leave the argument out.");
}

void ReadText(Question &question, FunctionCallInfo fcinfo, int first, const SearchDefinition &definition) {
  question.query = TextArgument(fcinfo, first + kQuery, "query", kMaxQueryTextBytes);
  question.lang = TextArgument(fcinfo, first + kLang, "lang", kMaxTagBytes);
  if (!question.query) return;
  if (question.query->find_first_not_of(" \t\r\n\f\v") == std::string::npos) {
    question.query.reset();
    return;
  }
  if (definition.text_count == 0) RefuseMissing(definition, "query", "text");
  question.compiled =
      CompileQuery(definition, question.query->c_str(), question.lang ? question.lang->c_str() : nullptr);
}

void ReadPlaces(Question &question, FunctionCallInfo fcinfo, int first, const SearchDefinition &definition) {
  const bool near = !PG_ARGISNULL(first + kNear);
  const bool within = !PG_ARGISNULL(first + kWithin);
  const bool bbox = !PG_ARGISNULL(first + kBbox);
  const bool area = !PG_ARGISNULL(first + kArea);
  if (definition.location == nullptr && (near || bbox || area)) {
    RefuseMissing(definition, near ? "near" : bbox ? "bbox" : "area", "location");
  }
  if (within && !near) {
    throw Error(ERRCODE_INVALID_PARAMETER_VALUE, "within needs near")
        .Hint("Pass near => ST_Point(longitude, latitude) as well.");
  }
  const auto type_of = [&](int argument) {
    return CallPg([&] { return get_fn_expr_argtype(fcinfo->flinfo, first + argument); });
  };
  if (near) question.near = ReadPlace(PG_GETARG_DATUM(first + kNear), type_of(kNear), "near");
  if (within) {
    const double metres = PG_GETARG_FLOAT8(first + kWithin);
    if (!std::isfinite(metres) || metres < 0) {
      const char *const given = CallPg([&] { return float8out_internal(metres); });
      throw Error(ERRCODE_INVALID_PARAMETER_VALUE,
                  "within must be a number of metres, zero or more, not " + std::string(given))
          .Hint("Leave it out to find what is at any distance, the nearest first.");
    }
    question.within = std::fmin(metres, kMaxDistance);
  }
  if (bbox) question.bbox = ReadBoundingBox(CallPg([&] { return PG_GETARG_ARRAYTYPE_P(first + kBbox); }));
  if (area) question.area = ReadArea(PG_GETARG_DATUM(first + kArea), type_of(kArea), "area");
}

std::optional<Datum> PriceArgument(FunctionCallInfo fcinfo, int index, const char *name) {
  if (PG_ARGISNULL(index)) return std::nullopt;
  Datum const value = CallPg([&] { return NumericGetDatum(PG_GETARG_NUMERIC(index)); });
  const bool finite =
      CallPg([&] { return !numeric_is_nan(DatumGetNumeric(value)) && !numeric_is_inf(DatumGetNumeric(value)); });
  if (!finite) {
    const char *const given = CallPg([&] { return numeric_normalize(DatumGetNumeric(value)); });
    throw Error(ERRCODE_INVALID_PARAMETER_VALUE, std::string(name) + " must be a finite number, not " + given)
        .Hint("Leave it out where a price has no bound.");
  }
  return value;
}

void ReadPrices(Question &question, FunctionCallInfo fcinfo, int first, const SearchDefinition &definition) {
  question.price_min = PriceArgument(fcinfo, first + kPriceMin, "price_min");
  question.price_max = PriceArgument(fcinfo, first + kPriceMax, "price_max");
  question.currency = TextArgument(fcinfo, first + kCurrency, "currency", kMaxTagBytes);
  if (definition.price == nullptr && (question.price_min || question.price_max)) {
    RefuseMissing(definition, question.price_min ? "price_min" : "price_max", "price");
  }
}

void ReadTimes(Question &question, FunctionCallInfo fcinfo, int first, const SearchDefinition &definition) {
  if (!PG_ARGISNULL(first + kSince)) question.since = PG_GETARG_TIMESTAMPTZ(first + kSince);
  if (!PG_ARGISNULL(first + kUntil)) question.until = PG_GETARG_TIMESTAMPTZ(first + kUntil);
  if (definition.changed == nullptr && (question.since || question.until)) {
    RefuseMissing(definition, question.since ? "since" : "until", "changed");
  }
}

} // namespace

std::optional<std::string> TextArgument(FunctionCallInfo fcinfo, int index, const char *name, std::size_t limit) {
  if (PG_ARGISNULL(index)) return std::nullopt;
  // Looked at before it is taken out of its compression.
  const Size size = CallPg([&] { return toast_raw_datum_size(PG_GETARG_DATUM(index)) - VARHDRSZ; });
  if (size > limit) {
    throw Error(ERRCODE_PROGRAM_LIMIT_EXCEEDED, std::string(name) + " is too long: " + std::to_string(size) + " bytes")
        .Hint("At most " + std::to_string(limit) + " bytes are allowed.");
  }
  const text *const value = CallPg([&] { return PG_GETARG_TEXT_PP(index); });
  if (VARSIZE_ANY_EXHDR(value) == 0) return std::nullopt;
  return std::string(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
}

Question ReadQuestion(FunctionCallInfo fcinfo, int first, const SearchDefinition &definition) {
  Question question;
  ReadText(question, fcinfo, first, definition);
  ReadPlaces(question, fcinfo, first, definition);
  ReadPrices(question, fcinfo, first, definition);
  if (!PG_ARGISNULL(first + kFilters)) {
    question.filters = JsonArgument(PG_GETARG_DATUM(first + kFilters), "filters");
  }
  ReadTimes(question, fcinfo, first, definition);
  question.owner = TextArgument(fcinfo, first + kOwner, "owner", kMaxReferenceBytes);
  question.parent = TextArgument(fcinfo, first + kParent, "parent", kMaxReferenceBytes);
  if (question.owner && definition.owner == nullptr) RefuseMissing(definition, "owner", "owner");
  if (question.parent && definition.parent == nullptr) RefuseMissing(definition, "parent", "parent");
  return question;
}

const SearchDefinition *ReadSearchDefinition(FunctionCallInfo fcinfo) {
  const SearchDefinition *const definition = CallPg([&] {
    if (PG_ARGISNULL(0)) {
      ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("the item type must not be null")));
    }
    return RequireSearchDefinition(text_to_cstring(PG_GETARG_TEXT_PP(0)));
  });
  RequireAccess(*definition);
  return definition;
}

} // namespace itemize
