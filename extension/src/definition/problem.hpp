// What keeps a table or a column from being an item type's, as plain data that define raises, DDL is refused
// with and the doctor lists.
#pragma once

#include "boundary/prelude.hpp"

namespace itemize {

/// Texts live in the memory context of the call. No message: no problem.
struct Problem {
  int sqlstate;
  const char *message;
  const char *hint;

  [[nodiscard]] bool Found() const { return message != nullptr; }
};

inline constexpr Problem kNoProblem = {0, nullptr, nullptr};

/// Raises the problem, if there is one. `sqlstate` 0 means the problem's own.
void RaiseProblem(const Problem &problem, int sqlstate = 0);

} // namespace itemize
