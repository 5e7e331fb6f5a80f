// itemize.search_count: how many rows a question finds, exactly, as the planner estimates, or that they are many.
#include <algorithm>
#include <string>
#include <string_view>

#include "boundary/entry.hpp"
#include "boundary/version_check.hpp"
#include "search/engine.hpp"
#include "search/row_count.hpp"
#include "search/run.hpp"

#include "boundary/prelude.hpp"

namespace itemize {
namespace {

/// Up to so many rows are counted even where an estimate is enough: few are worth to be told exactly, and cheap. To who
/// does not see all rows no more is told, as the planner's estimate is made from all of them.
constexpr int64 kCountedExactly = 1000;

enum Argument : uint8 { kFirstOfQuestion = 1, kExact = kFirstOfQuestion + kQuestionArguments };

/// The number behind the last `rows=` of a plan's first line: names of tables and indexes come before the costs.
int64 RowsOfPlan(std::string_view line) {
  constexpr std::string_view kWord = " rows=";
  const std::size_t at = line.rfind(kWord);
  if (at == std::string_view::npos) return 0;
  int64 count = 0;
  for (std::size_t i = at + kWord.size(); i < line.size() && line[i] >= '0' && line[i] <= '9'; ++i)
    count = std::min(count * 10 + (line[i] - '0'), PG_INT64_MAX / 100);
  return count;
}

int64 Estimate(const SearchDefinition &definition, const Question &question, Matching matching) {
  Statement statement;
  EngineOf(definition).AppendColumns(statement, question, definition, matching, {"1"});
  int64 count = 0;
  ExplainQuestion(definition, statement, [&](const Rows &rows) {
    bool is_null = false;
    const char *const line = CallPg(
        [&] { return TextDatumGetCString(SPI_getbinval(rows.table->vals[0], rows.table->tupdesc, 1, &is_null)); });
    count = RowsOfPlan(line);
  });
  return count;
}

struct Total {
  int64 rows;
  bool exact;
};

Total CountSearch(FunctionCallInfo fcinfo) {
  CallPg([] { CheckLibraryVersion(); });
  const SearchDefinition *const definition = ReadSearchDefinition(fcinfo);
  const Question question = ReadQuestion(fcinfo, kFirstOfQuestion, *definition);
  const bool exact = !PG_ARGISNULL(kExact) && PG_GETARG_BOOL(kExact);
  NoticeMissingIndexes(*definition, question, nullptr);
  const std::optional<int64> limit = exact ? std::nullopt : std::optional<int64>(kCountedExactly + 1);
  int64 rows = 0;
  const Matching matching = AskStrictlyThenRelaxed(question, [&](Matching tried, bool /*last*/) {
    rows = CountRows(*definition, question, tried, limit);
    return rows > 0;
  });
  if (exact || rows <= kCountedExactly) return {rows, true};
  if (!SeesAllRows(*definition)) return {kCountedExactly, false};
  return {std::max(rows, Estimate(*definition, question, matching)), false};
}

} // namespace
} // namespace itemize

ITEMIZE_FUNCTION(itemize_search_count) {
  return itemize::Entry([&] {
    itemize::CallPg([&] { itemize::compat::InitMaterializedSrf(fcinfo); });
    const itemize::Total total = itemize::CountSearch(fcinfo);
    itemize::CallPg([&] {
      auto *const result = reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo);
      Datum values[] = {Int64GetDatum(total.rows), BoolGetDatum(total.exact)};
      bool nulls[] = {false, false};
      tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    });
    return Datum{0};
  });
}
