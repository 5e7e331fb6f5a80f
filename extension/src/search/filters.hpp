// Filters as conditions of a statement, over the columns of an item type that everybody who may read it sees.
#pragma once

#include <string>
#include <vector>

#include "boundary/entry.hpp"
#include "definition/search_model.hpp"
#include "search/statement.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "utils/jsonb.h"
}

namespace itemize {

/// The column of that name among those of a definition that leave the database or are counted: key, fields and facets;
/// null when there is none.
const DefinitionColumn *FindVisibleColumn(const SearchDefinition &definition, const std::string &name);

/// The names of these columns, for a hint.
std::string VisibleColumnNames(const SearchDefinition &definition);

/// A JSON argument, looked at before it is taken out of its compression; raises 54000 when it is beyond
/// kMaxFilterBytes.
Jsonb *JsonArgument(Datum argument, const char *what);

/// The text of a JSON document in the current memory context; raises 54000 when it is beyond kMaxFilterBytes.
std::string JsonText(Jsonb *document, const char *what);

/// Calls the server; an error of its own is raised with `place` before its message.
template <typename Body>
auto RaiseWithPlace(const std::string &place, Body body) -> decltype(body()) {
  ErrorData *error = nullptr;
  try {
    return CallPg(body);
  } catch (const PgError &raised) {
    error = raised.data();
  }
  // Raised again with one more word; nothing is swallowed. Some types call a text that is none of theirs an internal
  // error.
  const char *const where = place.c_str();
  CallPg([&] { error->message = psprintf("%s: %s", where, error->message); });
  if (error->sqlerrcode == ERRCODE_INTERNAL_ERROR) error->sqlerrcode = ERRCODE_INVALID_TEXT_REPRESENTATION;
  throw PgError(error);
}

/// What the input function of `type` makes of a text, called as who reads the rows. An error of its own is raised with
/// `place` before its message.
Datum ReadInput(const SearchDefinition &definition, Oid type, const std::string &text, const std::string &place);

/// Appends the conditions that `filters` (may be null) put on rows of the alias `t`; they all hold. Values become
/// parameters of the column's own type, so that its indexes serve. Raises 42703 for a column that is not visible, 22023
/// for an operator or a value that does not fit it, the input function's own error (class 22), 54000 for what is beyond
/// the limits.
void AppendFilterConditions(Statement &statement, const SearchDefinition &definition, Jsonb *filters,
                            std::vector<std::string> &conditions);

} // namespace itemize
