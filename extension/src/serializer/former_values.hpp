// What a row was before a change, for those who follow the rows of a kind: which have come to be of it, and which no
// longer are.
#pragma once

#include "serializer/row_encoder.hpp"

#include "boundary/prelude.hpp"

namespace itemize {

/// Appends a JSON object of the row's values that can be compared (numbers, texts, times and the like, geometries);
/// with `newer` only of those that are others there. A text is cut as kFormerTextBytes says. False, and nothing of use
/// there: a value is not in reach, or longer than is told.
bool EncodeFormer(const RowEncoder &encoder, const RowValues &row, const RowValues *newer, StringInfo out);

} // namespace itemize
