#include "search/row_count.hpp"

#include "boundary/entry.hpp"
#include "search/engine.hpp"
#include "search/run.hpp"

#include "boundary/prelude.hpp"

namespace itemize {

int64 CountRows(const SearchDefinition &definition, const Question &question, Matching matching,
                std::optional<int64> limit) {
  Statement statement;
  EngineOf(definition).AppendCount(statement, question, definition, matching, limit);
  int64 count = 0;
  RunQuestion(definition, statement, [&](const Rows &rows) {
    bool is_null = false;
    count = CallPg([&] { return DatumGetInt64(SPI_getbinval(rows.table->vals[0], rows.table->tupdesc, 1, &is_null)); });
  });
  return count;
}

} // namespace itemize
