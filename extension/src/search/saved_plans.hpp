// Statements of a session that are parsed, and some planned, once. To be called within CallPg, SPI connected and the
// identity that of the statement.
#pragma once

#include "search/statement.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "executor/spi.h"
}

namespace itemize {

/// A statement's text and parameters, without a destructor.
struct StatementView {
  const char *text;
  Size length;
  const Oid *types;
  int count;
  const Datum *values;
  const char *nulls;
  Statement::Planning planning;
};

/// Good as long as the statement.
StatementView ViewOf(const Statement &statement);

struct SavedStatement;

/// What executes a statement.
struct PlannedStatement {
  SPIPlanPtr plan;
  SavedStatement *saved; ///< null where the plan is the SPI connection's alone
  bool has_values;       ///< its parameters' values are part of the plan
};

PlannedStatement PlanStatement(const StatementView &statement);

/// A plan of another text for the same parameters; the SPI connection's alone.
SPIPlanPtr PrepareStatement(const StatementView &statement, const char *text);

/// A saved statement is not forgotten while this lives: the executor reads the plan and its text, and a function of a
/// policy's may search, too.
class RunningStatement {
public:
  RunningStatement() = default;
  RunningStatement(const RunningStatement &) = delete;
  RunningStatement &operator=(const RunningStatement &) = delete;
  ~RunningStatement();
  /// Once; null: nothing to hold.
  void Begin(SavedStatement *saved) noexcept;

private:
  SavedStatement *saved_ = nullptr;
};

} // namespace itemize
