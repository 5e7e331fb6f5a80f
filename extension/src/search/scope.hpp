// FROM and WHERE of a question: which rows it finds, for whatever is then done with them.
#pragma once

#include <string>
#include <vector>

#include "search/question.hpp"
#include "search/statement.hpp"

#include "boundary/prelude.hpp"

namespace itemize {

/// Whether all words of the query must match, or any.
enum class Matching : uint8 { kStrict, kRelaxed };

/// Whether a question that found nothing strictly is asked again with Matching::kRelaxed: once, by everyone who asks.
/// Not when that would be the same question.
bool CanRelax(const Question &question);

/// The one way from "all words" to "any of them". `ask(matching, last)` runs the question and tells whether it found
/// anything, which after the last try makes no difference. Returns what it was asked with last.
template <typename Ask>
Matching AskStrictlyThenRelaxed(const Question &question, Ask ask) {
  const bool can_relax = CanRelax(question);
  if (ask(Matching::kStrict, !can_relax) || !can_relax) return Matching::kStrict;
  (void)ask(Matching::kRelaxed, true);
  return Matching::kRelaxed;
}

/// Whether there are no conditions in a question.
bool FindsAllRows(const Question &question);

/// Whether all conditions of a question are on columns as they are: there are no words, no place and no bound of a
/// price.
bool FindsByColumnsAlone(const Question &question);

/// The item type's table as FROM names it, without an alias.
std::string TableText(const SearchDefinition &definition);

/// Appends ` FROM table AS t [JOIN ...] WHERE ...`, with further conditions, if any.
void AppendScope(Statement &statement, const Question &question, const SearchDefinition &definition, Matching matching,
                 const std::vector<std::string> &further = {});

} // namespace itemize
