// The loaded library against the SQL objects of this database.
#pragma once

namespace itemize {

/// Raises 55000, with what to do, when this database's SQL objects are of another version than the loaded
/// library. Looks once a session; afterwards it costs one branch. To be called first by every function
/// that reads or writes definitions; never by event triggers, which must not stand in the way of the
/// ALTER EXTENSION that repairs it.
void CheckLibraryVersion();

/// The same for the output plugin as it starts, outside of a transaction or inside of one: what it would send to a
/// sidecar, or read of the definitions, is not what the SQL objects mean. Lets a database without the extension pass:
/// there is nothing to send from it.
void CheckLibraryVersionForDecoding();

/// For the middle of decoding, under a historic snapshot, which may show SQL objects of an older version than the
/// library's: that is the past. Raises 55000 when they are of a newer one: ALTER EXTENSION UPDATE was run while this
/// session went on with the old library. Looks every time.
void CheckLibraryIsNotOlder();

} // namespace itemize
