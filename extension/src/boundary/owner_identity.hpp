// Reading as a table's owner, past row-level security.
#pragma once

#include "boundary/prelude.hpp"

namespace itemize {

/// Who one was before. After an error the server restores him itself, as the (sub)transaction ends.
struct OwnerIdentity {
  Oid user;
  int security_context;
};
OwnerIdentity BecomeOwner(Oid table);
void BecomeCaller(const OwnerIdentity &caller);

} // namespace itemize
