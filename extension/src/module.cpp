// The library's identity, and what happens when it is loaded: the server refuses one that was built for another major
// version.
#include "boundary/entry.hpp"
#include "leaving/drop_guard.hpp"
#include "serializer/row_limit.hpp"

#include "boundary/prelude.hpp"

extern "C" {
// Visible, as all else is hidden: PGDLLEXPORT does nothing on this server.
ITEMIZE_EXPORT const Pg_magic_struct *PG_MAGIC_FUNCTION_NAME(void);
PG_MODULE_MAGIC;

ITEMIZE_EXPORT void _PG_init(void);
}

void _PG_init() {
  itemize::Entry([] {
    itemize::DefineRowLimit();
    itemize::InstallDropGuard();
  });
}
