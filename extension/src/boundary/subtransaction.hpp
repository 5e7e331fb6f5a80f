// The one way to go on after an error of the server's: within a subtransaction that is rolled back.
#pragma once

#include "boundary/entry.hpp"

#include "boundary/prelude.hpp"

extern "C" {
#include "utils/resowner.h"
}

namespace itemize {

/// Runs `body` (see CallPg) in an internal subtransaction. Null when it came through; else its error, in the current
/// memory context, and all that it held is released. The memory context stays the caller's in between.
template <typename Body>
ErrorData *TryInSubtransaction(Body &&body) {
  MemoryContext const caller_context = CurrentMemoryContext;
  ResourceOwner const caller_owner = CurrentResourceOwner;
  BeginInternalSubTransaction(nullptr);
  MemoryContextSwitchTo(caller_context);
  ErrorData *error = nullptr;
  try {
    CallPg(body);
  } catch (const PgError &raised) {
    error = raised.data();
  }
  if (error == nullptr) {
    ReleaseCurrentSubTransaction();
  } else {
    RollbackAndReleaseCurrentSubTransaction();
  }
  MemoryContextSwitchTo(caller_context);
  CurrentResourceOwner = caller_owner;
  return error;
}

} // namespace itemize
