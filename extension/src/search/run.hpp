// Running a question's statement: as whom, planned how, and with what said about missing indexes.
#pragma once

#include <optional>
#include <string>

#include "boundary/owner_identity.hpp"
#include "search/order.hpp"
#include "search/question.hpp"
#include "search/statement.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "executor/spi.h"
}

namespace itemize {

/// As whom the rows of an item type are read, by the claims of the request, the definition's rule and the current user.
/// Raises 42501 where the rule lets nobody.
enum class ReadAs : uint8 { kOwner, kCaller };
ReadAs DecideReadAs(const SearchDefinition &definition);

/// Raises 42501 for whom nothing of the item type is to be told: before anything of its columns is.
void RequireAccess(const SearchDefinition &definition);

/// Calls `body`, which may raise, as who the statement runs as: what it runs of the table owner's (CHECKs of domains
/// within a column's type) is to run as nobody else. Within CallPg.
template <typename Body>
auto AsReader(ReadAs read_as, const SearchDefinition &definition, Body body) -> decltype(body()) {
  OwnerIdentity caller = {};
  if (read_as == ReadAs::kOwner) caller = BecomeOwner(definition.item.source);
  const auto result = body();
  if (read_as == ReadAs::kOwner) BecomeCaller(caller);
  return result;
}

/// Rows of a statement, in the memory context of RunQuestion's caller's SPI connection.
struct Rows {
  uint64 count;
  SPITupleTable *table;
};

/// Plans the statement as it says, runs it and calls
/// `visit(state, rows)` while SPI is connected and the identity and the settings are still those of the statement.
/// Memory that is to outlive the call is allocated in `room`, which is the current memory context during `visit`.
using VisitRows = void (*)(void *state, const Rows &rows);
void RunQuestion(const SearchDefinition &definition, const Statement &statement, MemoryContext room, VisitRows visit,
                 void *state);

/// `visit(rows)` may throw C++ exceptions and calls what may raise through CallPg where it holds C++ objects.
template <typename Visit>
void RunQuestion(const SearchDefinition &definition, const Statement &statement, Visit visit) {
  RunQuestion(
      definition, statement, CurrentMemoryContext,
      [](void *state, const Rows &rows) { (*static_cast<Visit *>(state))(rows); }, &visit);
}

/// The same with the lines of EXPLAIN for the statement.
void ExplainQuestion(const SearchDefinition &definition, const Statement &statement, MemoryContext room,
                     VisitRows visit, void *state);
template <typename Visit>
void ExplainQuestion(const SearchDefinition &definition, const Statement &statement, Visit visit) {
  ExplainQuestion(
      definition, statement, CurrentMemoryContext,
      [](void *state, const Rows &rows) { (*static_cast<Visit *>(state))(rows); }, &visit);
}

/// With read => 'owner', and for a request: whose rows alone these are to be.
std::optional<std::string> FindOwnedBy(const SearchDefinition &definition);

/// Whether the rows are those of the whole table, for whoever is the current user.
bool SeesAllRows(const SearchDefinition &definition);

/// A NOTICE for each index that the question needs, or its order (null: there is none), and the table has not.
void NoticeMissingIndexes(const SearchDefinition &definition, const Question &question, const Order *order);

} // namespace itemize
