// The loaded library against the SQL objects of this database.
#pragma once

namespace itemize {

/// Raises 55000, with what to do, when this database's SQL objects are of another version than the loaded
/// library. Looks once a session; afterwards it costs one branch. To be called first by every function
/// that reads or writes definitions; never by event triggers, which must not stand in the way of the
/// ALTER EXTENSION that repairs it.
void CheckLibraryVersion();

} // namespace itemize
