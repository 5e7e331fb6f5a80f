// How many rows a question finds, counted.
#pragma once

#include <optional>

#include "search/question.hpp"
#include "search/scope.hpp"

#include "boundary/prelude.hpp"

namespace itemize {

/// Of more than `limit` rows, limit.
int64 CountRows(const SearchDefinition &definition, const Question &question, Matching matching,
                std::optional<int64> limit);

} // namespace itemize
