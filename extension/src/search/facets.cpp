// itemize.facets: how many of the rows that a question finds have which values, several facets over one evaluation.
#include <cstring>

#include "boundary/entry.hpp"
#include "boundary/version_check.hpp"
#include "search/engine.hpp"
#include "search/facets_parse.hpp"
#include "search/filters.hpp"
#include "search/filters_json.hpp"
#include "search/price.hpp"
#include "search/run.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "utils/timestamp.h"
#include "utils/typcache.h"
}

namespace itemize {
namespace {

constexpr int kMaxFacetValues = 1000;
/// A histogram of more intervals is refused: what would be left out is not told by what is there.
constexpr int kMaxIntervals = 1000;

enum Argument : uint8 { kType, kFacets, kFirstOfQuestion, kMaxValues = kFirstOfQuestion + kQuestionArguments };

/// A facet and what its column is.
struct Facet {
  FacetRequest request;
  std::string expression; ///< over the table
  Oid type = InvalidOid;  ///< of the expression, domains looked through
  Oid element = InvalidOid;
  Oid collation = InvalidOid;
  bool has_equality = false;
  bool has_order = false;
  bool is_price = false;

  [[nodiscard]] std::string Place() const { return "facet \"" + Shown(request.column) + "\""; }
  /// What is counted: of an array its elements.
  [[nodiscard]] Oid Counted() const { return OidIsValid(element) ? element : type; }
};

bool IsNumber(Oid type) {
  return type == INT2OID || type == INT4OID || type == INT8OID || type == NUMERICOID || type == FLOAT4OID ||
         type == FLOAT8OID;
}

bool IsTime(Oid type) { return type == DATEOID || type == TIMESTAMPOID || type == TIMESTAMPTZOID; }

[[noreturn]] void RefuseType(const Facet &facet, const char *wanted) {
  const char *const type = CallPg([&] { return format_type_be(facet.type); });
  throw Error(ERRCODE_INVALID_PARAMETER_VALUE, facet.Place() + ": type " + type + " is not " + wanted)
      .Hint("Ask for its values with {}, or for another facet.");
}

void CheckTimeZone(const Facet &facet) {
  const char *const zone = facet.request.time_zone.c_str();
  const std::string place = facet.Place();
  RaiseWithPlace(
      place, [&] { (void)DirectFunctionCall2(timestamptz_zone, CStringGetTextDatum(zone), TimestampTzGetDatum(0)); });
}

void CheckType(const Facet &facet) {
  switch (facet.request.kind) {
  case FacetRequest::Kind::kValues:
    if (!facet.has_equality) RefuseType(facet, "of values that can be told apart");
    return;
  case FacetRequest::Kind::kRanges:
    if (!facet.has_order || OidIsValid(facet.element)) RefuseType(facet, "of values with an order");
    return;
  case FacetRequest::Kind::kWidth:
  case FacetRequest::Kind::kBuckets:
    if (!IsNumber(facet.type)) RefuseType(facet, "a number");
    return;
  case FacetRequest::Kind::kCalendar:
    if (!IsTime(facet.type)) RefuseType(facet, "a date");
    if (facet.request.has_time_zone && facet.type != TIMESTAMPTZOID) RefuseType(facet, "in a time zone");
    CheckTimeZone(facet);
    return;
  }
}

struct TypeTraits {
  Oid type;
  Oid element;
  Oid collation;
  bool has_equality;
  bool has_order;
};

TypeTraits DescribeType(Oid type) {
  TypeTraits traits{};
  traits.type = getBaseType(type);
  // oidvector and its like are subscripted, but no arrays.
  if (get_array_type(get_element_type(traits.type)) == traits.type) traits.element = get_element_type(traits.type);
  const Oid counted = OidIsValid(traits.element) ? getBaseType(traits.element) : traits.type;
  const TypeCacheEntry *const entry = lookup_type_cache(counted, TYPECACHE_EQ_OPR | TYPECACHE_LT_OPR);
  traits.has_equality = OidIsValid(entry->eq_opr);
  traits.has_order = OidIsValid(entry->lt_opr);
  return traits;
}

Facet MakeFacet(FacetRequest request, Statement &statement, const Question &question,
                const SearchDefinition &definition) {
  Facet facet;
  facet.request = std::move(request);
  const DefinitionColumn *const column = FindVisibleColumn(definition, facet.request.column);
  if (column == nullptr) {
    throw Error(ERRCODE_UNDEFINED_COLUMN, "item type \"" + std::string(NameStr(definition.item.type)) +
                                              "\" has no field or facet \"" + Shown(facet.request.column) +
                                              "\" to count")
        .Hint(VisibleColumnNames(definition));
  }
  const Oid table = definition.item.source;
  Oid collation = InvalidOid;
  const TypeTraits traits = CallPg([&] {
    Oid type;
    int32 modifier;
    get_atttypetypmodcoll(table, column->attnum, &type, &modifier, &collation);
    return DescribeType(type);
  });
  facet.is_price = definition.price != nullptr && column->attnum == definition.price->attnum;
  facet.type = facet.is_price ? NUMERICOID : traits.type;
  facet.element = facet.is_price ? InvalidOid : traits.element;
  facet.collation = collation;
  facet.has_equality = traits.has_equality;
  facet.has_order = traits.has_order;
  facet.expression =
      facet.is_price ? ConvertedPrice(statement, question, definition, false) : ColumnText(NameStr(column->name));
  CheckType(facet);
  return facet;
}

/// The bounds of a facet's ranges as an array of its type; they must ascend.
Datum ReadBounds(const SearchDefinition &definition, const Facet &facet) {
  std::vector<Datum> bounds;
  bounds.reserve(facet.request.bounds.size());
  for (const std::string &text : facet.request.bounds)
    bounds.push_back(ReadInput(definition, facet.type, text, facet.Place()));
  Datum *const values = bounds.data();
  const auto count = static_cast<int>(bounds.size());
  const bool ascending = CallPg([&] {
    TypeCacheEntry *const entry = lookup_type_cache(facet.type, TYPECACHE_CMP_PROC_FINFO);
    for (int i = 1; i < count; ++i) {
      if (DatumGetInt32(FunctionCall2Coll(&entry->cmp_proc_finfo, facet.collation, values[i - 1], values[i])) >= 0) {
        return false;
      }
    }
    return true;
  });
  if (!ascending) {
    throw Error(ERRCODE_INVALID_PARAMETER_VALUE, facet.Place() + ": bounds of ranges must ascend")
        .Hint(R"(Write {"ranges": [0, 50, 100]}.)");
  }
  return CallPg([&] {
    int16 length;
    bool by_value;
    char alignment;
    get_typlenbyvalalign(facet.type, &length, &by_value, &alignment);
    return PointerGetDatum(construct_array(values, count, facet.type, length, by_value, alignment));
  });
}

/// Writes the counts of one facet after the other: facet, value, low, high, count. Each is a SELECT in its own order.
class FacetWriter {
public:
  FacetWriter(Statement &statement, const SearchDefinition &definition, int max_values)
      : statement_(statement), definition_(definition), max_values_(max_values) {}

  void Append(const Facet &facet, std::size_t index) {
    name_ = "f" + std::to_string(index);
    head_ = "SELECT " + std::to_string(index) + " AS facet, ";
    switch (facet.request.kind) {
    case FacetRequest::Kind::kValues: AppendValues(facet); return;
    case FacetRequest::Kind::kRanges: AppendRanges(facet); return;
    case FacetRequest::Kind::kWidth: AppendIntervals(facet, statement_.Bind(NUMERICOID, WidthOf(facet))); return;
    case FacetRequest::Kind::kBuckets: AppendIntervals(facet, RoundWidth(facet)); return;
    case FacetRequest::Kind::kCalendar: AppendCalendar(facet); return;
    }
  }

private:
  /// The most frequent first; of those that are equally frequent the least.
  void AppendValues(const Facet &facet) {
    const std::string order = facet.has_order ? "v" : "v::text";
    std::string from = "scope";
    std::string value = name_;
    if (OidIsValid(facet.element)) {
      // A row counts once for each different element.
      from += ", LATERAL (SELECT DISTINCT e FROM unnest(scope." + name_ + ") AS u(e)) AS elements";
      value = "e";
    }
    statement_ << head_ << (facet.is_price ? "trim_scale(v)" : "v") << "::text AS value, "
               << "NULL AS low, NULL AS high, n FROM (SELECT v, count(*) AS n FROM (SELECT " << value << " AS v FROM "
               << from << ") AS a WHERE v IS NOT NULL GROUP BY v ORDER BY n DESC, " << order << " LIMIT "
               << statement_.BindInt64(max_values_) << ") AS g";
  }

  /// All ranges, those without rows as well; the first and the last are open.
  void AppendRanges(const Facet &facet) {
    const Oid array = CallPg([&] { return get_array_type(facet.type); });
    const std::string bounds = statement_.Bind(array, ReadBounds(definition_, facet));
    statement_ << head_ << "NULL AS value, (" << bounds << ")[b]::text AS low, (" << bounds
               << ")[b + 1]::text AS high, coalesce(n, 0) AS n FROM generate_series(0, cardinality(" << bounds
               << ")) AS b LEFT JOIN (SELECT width_bucket(" << name_ << ", " << bounds
               << ") AS v, count(*) AS n FROM scope WHERE " << name_
               << " IS NOT NULL GROUP BY 1) AS g ON v = b ORDER BY b";
  }

  [[nodiscard]] Datum WidthOf(const Facet &facet) const {
    return ReadInput(definition_, NUMERICOID, facet.request.interval, facet.Place());
  }

  /// The column as numerics; what is no finite number is in no interval.
  [[nodiscard]] std::string Number(const Facet &facet) const {
    std::string number = name_ + "::numeric";
    if (facet.type == FLOAT4OID || facet.type == FLOAT8OID) {
      number = "CASE WHEN " + name_ + " > '-Infinity' AND " + name_ + " < 'Infinity' THEN " + number + " END";
    }
    return "(SELECT " + number + " AS v FROM scope) AS a WHERE abs(v) < 1e1000";
  }

  /// 1, 2 or 5 times a power of ten, so that about so many intervals go from the least value to the greatest.
  [[nodiscard]] std::string RoundWidth(const Facet &facet) const {
    const std::string buckets = std::to_string(facet.request.buckets) + "::numeric";
    return "(SELECT CASE WHEN raw > 0 THEN unit * CASE WHEN raw <= unit THEN 1 WHEN raw <= 2 * unit THEN 2"
           " WHEN raw <= 5 * unit THEN 5 ELSE 10 END ELSE 1 END FROM (SELECT raw, CASE WHEN raw > 0 THEN"
           " trim_scale(power(10::numeric, floor(log(raw)))) END AS unit FROM (SELECT (max(v) - min(v)) / " +
           buckets + " AS raw FROM " + Number(facet) + ") AS r) AS w)";
  }

  /// Those with rows, in order.
  void AppendIntervals(const Facet &facet, const std::string &width) {
    statement_ << head_ << "NULL AS value, trim_scale(v * w)::text AS low, "
               << "trim_scale((v + 1) * w)::text AS high, n FROM (SELECT floor(v / w) AS v, w, count(*) AS n FROM "
               << "(SELECT " << width << " AS w OFFSET 0) AS width, " << Number(facet)
               << " GROUP BY 1, 2 ORDER BY 1 LIMIT " << std::to_string(kMaxIntervals + 1) << ") AS g";
  }

  /// Infinity is in no interval, nor is what is so far off that the end of its year would be no timestamp.
  [[nodiscard]] std::string InCalendar() const {
    return name_ + " >= make_date(-4712, 1, 1) AND " + name_ + " < make_date(294275, 1, 1)";
  }

  void AppendCalendar(const Facet &facet) {
    std::string local = name_ + "::timestamp";
    if (facet.type == TIMESTAMPTZOID) local = name_ + " AT TIME ZONE " + statement_.BindText(facet.request.time_zone);
    const std::string unit = statement_.BindText(facet.request.interval);
    const std::string step = facet.request.interval == "quarter" ? "3 months" : "1 " + facet.request.interval;
    statement_ << head_ << "NULL AS value, v::date::text AS low, (v + interval '" << step
               << "')::date::text AS high, n FROM (SELECT date_trunc(" << unit << ", " << local
               << ") AS v, count(*) AS n FROM scope WHERE " << InCalendar() << " GROUP BY 1 ORDER BY 1 LIMIT "
               << std::to_string(kMaxIntervals + 1) << ") AS g";
  }

  Statement &statement_;
  const SearchDefinition &definition_;
  int max_values_;
  std::string name_;
  std::string head_;
};

struct FacetCall {
  const SearchDefinition *definition = nullptr;
  Question question;
  std::vector<FacetRequest> requests;
  int max_values = 0;
};

void WriteStatement(Statement &statement, const FacetCall &call, Matching matching) {
  std::vector<Facet> facets;
  std::vector<std::string> columns;
  for (const FacetRequest &request : call.requests) {
    facets.push_back(MakeFacet(request, statement, call.question, *call.definition));
    columns.push_back(facets.back().expression + " AS f" + std::to_string(columns.size()));
  }
  statement << "WITH scope AS (";
  EngineOf(*call.definition).AppendColumns(statement, call.question, *call.definition, matching, columns);
  statement << ") ";
  // Rows come as they are written here: an Append runs its branches one after the other, and no two of them in
  // parallel, as they read one CTE.
  const char *separator = "(";
  // Whether anything was found, as no facet need have a value.
  if (CanRelax(call.question)) {
    statement << "(SELECT -1 AS facet, NULL AS value, NULL AS low, NULL AS high, count(*) AS n "
                 "FROM (SELECT FROM scope LIMIT 1) AS s)";
    separator = " UNION ALL (";
  }
  FacetWriter writer(statement, *call.definition, call.max_values);
  for (std::size_t i = 0; i < facets.size(); ++i) {
    statement << separator;
    writer.Append(facets[i], i);
    statement << ")";
    separator = " UNION ALL (";
  }
}

enum ResultColumn : uint8 { kFacet, kValue, kLow, kHigh, kCount, kResultColumns };

/// Puts the rows out; false when the question found nothing.
class FacetRows {
public:
  FacetRows(FunctionCallInfo fcinfo, const FacetCall &call)
      : result_(reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo)), call_(call) {}

  bool Put(const Rows &rows, bool last_try) {
    TupleDesc const description = rows.table->tupdesc;
    int intervals = 0;
    int before = -1;
    for (uint64 i = 0; i < rows.count; ++i) {
      HeapTuple const row = rows.table->vals[i];
      const int facet = CallPg([&] { return DatumGetInt32(Get(row, description, 1)); });
      if (facet < 0) {
        const bool found = CallPg([&] { return DatumGetInt64(Get(row, description, kCountColumn)) > 0; });
        if (!found && !last_try) return false;
        continue;
      }
      intervals = facet == before ? intervals + 1 : 1;
      before = facet;
      const FacetRequest &request = call_.requests[static_cast<std::size_t>(facet)];
      if (request.kind != FacetRequest::Kind::kValues && intervals > kMaxIntervals) {
        throw Error(ERRCODE_PROGRAM_LIMIT_EXCEEDED, "facet \"" + Shown(request.column) + "\" has more than " +
                                                        std::to_string(kMaxIntervals) + " intervals")
            .Hint("Ask for wider ones, or for {\"buckets\": 10}.");
      }
      const char *const name = request.column.c_str();
      CallPg([&] { PutRow(row, description, name); });
    }
    return true;
  }

private:
  static constexpr int kCountColumn = 5;

  static Datum Get(HeapTuple row, TupleDesc description, int column) {
    bool is_null = false;
    return SPI_getbinval(row, description, column, &is_null);
  }

  void PutRow(HeapTuple row, TupleDesc description, const char *name) {
    Datum values[kResultColumns] = {};
    bool nulls[kResultColumns] = {};
    values[kFacet] = CStringGetTextDatum(name);
    for (int i = kValue; i <= kCount; ++i)
      values[i] = SPI_getbinval(row, description, i + 1, &nulls[i]);
    tuplestore_putvalues(result_->setResult, result_->setDesc, values, nulls);
  }

  ReturnSetInfo *result_;
  const FacetCall &call_;
};

FacetCall ReadCall(FunctionCallInfo fcinfo) {
  FacetCall call;
  call.definition = ReadSearchDefinition(fcinfo);
  if (PG_ARGISNULL(kFacets)) {
    throw Error(ERRCODE_NULL_VALUE_NOT_ALLOWED, "facets must not be null").Hint(R"(Write facets => '["room_type"]'.)");
  }
  call.requests = ParseFacets(JsonText(JsonArgument(PG_GETARG_DATUM(kFacets), "facets"), "facets"));
  call.question = ReadQuestion(fcinfo, kFirstOfQuestion, *call.definition);
  call.max_values = PG_ARGISNULL(kMaxValues) ? 0 : PG_GETARG_INT32(kMaxValues);
  if (call.max_values < 1 || call.max_values > kMaxFacetValues) {
    throw Error(ERRCODE_INVALID_PARAMETER_VALUE,
                "max_values must be between 1 and " + std::to_string(kMaxFacetValues) + ", not " +
                    (PG_ARGISNULL(kMaxValues) ? "null" : std::to_string(call.max_values)))
        .Hint("Leave it out for 20 values of a facet; those of most rows come first.");
  }
  return call;
}

void CountFacets(FunctionCallInfo fcinfo) {
  CallPg([&] {
    CheckLibraryVersion();
    compat::InitMaterializedSrf(fcinfo);
  });
  const FacetCall call = ReadCall(fcinfo);
  NoticeMissingIndexes(*call.definition, call.question, nullptr);
  (void)AskStrictlyThenRelaxed(call.question, [&](Matching matching, bool last) {
    Statement statement;
    WriteStatement(statement, call, matching);
    bool found = true;
    RunQuestion(*call.definition, statement,
                [&](const Rows &rows) { found = FacetRows(fcinfo, call).Put(rows, last); });
    return found;
  });
}

} // namespace
} // namespace itemize

ITEMIZE_FUNCTION(itemize_facets) {
  return itemize::Entry([&] {
    itemize::CountFacets(fcinfo);
    return Datum{0};
  });
}
