// Cursors: made for each row of a page, and read again for the next.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "search/cursor_text.hpp"
#include "search/order.hpp"
#include "search/question.hpp"
#include "search/siphash.hpp"

#include "boundary/prelude.hpp"

namespace itemize {

/// What cursors are sealed with, made of what only this database knows (itemize.cursor_key).
using CursorKey = SipHalves;

/// Raises 55000 when the table has lost its row.
CursorKey ReadCursorKey();

/// A hash of all that a cursor's values depend on: the type, the question and the order.
std::uint64_t HashQuestion(const SearchDefinition &definition, const Question &question, const Order &order);

/// Makes the cursors of a page. Plain data in the memory context in which it was made.
class CursorSealer {
public:
  /// Of all but the values of `content`.
  CursorSealer(const CursorKey &key, const CursorContent &content, const Order &order);

  /// A cursor behind a row whose sort items have these values; where they are too long for one, a cursor that
  /// OpenCursor refuses. Within CallPg.
  text *Seal(const Datum *values, const bool *nulls) const;

private:
  static std::string_view Send(FmgrInfo &function, Datum value, char (&number)[sizeof(uint64)]);

  CursorKey key_;
  FmgrInfo *send_ = nullptr; ///< binary output of each sort item's type
  std::size_t count_;
  char *bytes_ = nullptr; ///< of the cursor that is made: what all have, and room for values and the seal
  std::size_t head_;      ///< how many all have
};

struct OpenedCursor {
  bool relaxed = false;
  bytea *score_parameters = nullptr;
  std::optional<RatesMark> rates;
  std::vector<BoundValue> values;
};

/// Raises 22023 when the text is none of ours, or of another question; 54000 when its row's values were too long.
OpenedCursor OpenCursor(const SearchDefinition &definition, const CursorKey &key, std::string_view text,
                        std::uint64_t question, const Order &order);

} // namespace itemize
