// The operands of a tsquery as ranking and statistics see them.
#pragma once

#include "boundary/prelude.hpp"

extern "C" {
#include "tsearch/ts_type.h"
}

namespace itemize::ranking {

/// For each item of the query whether it is asked for: not below a negation. palloc'd. The items are in prefix order
/// (an operator before its operands, ts_type.h), so what holds for an operator is known before its operands are met.
inline const bool *WantedItems(TSQuery query) {
  const int count = query->size;
  auto *const wanted = static_cast<bool *>(palloc0(static_cast<Size>(count) + 1));
  const QueryItem *const items = GETQUERY(query);
  wanted[0] = true;
  for (int i = 0; i < count; ++i) {
    if (items[i].type != QI_OPR) continue;
    const QueryOperator &operation = items[i].qoperator;
    if (operation.oper == OP_NOT) {
      wanted[i + 1] = !wanted[i];
    } else {
      wanted[i + 1] = wanted[i];
      wanted[static_cast<uint32>(i) + operation.left] = wanted[i];
    }
  }
  return wanted;
}

} // namespace itemize::ranking
