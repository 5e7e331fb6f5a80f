// The library's identity: the server refuses to load one that was built for another major version.
#include "boundary/prelude.hpp"

extern "C" {
// Visible, as all else is hidden: PGDLLEXPORT does nothing on this server.
ITEMIZE_EXPORT const Pg_magic_struct *PG_MAGIC_FUNCTION_NAME(void);
PG_MODULE_MAGIC;
}
