// What a server is not set up for, told in one line that says what to do. Cases are told apart by SQLSTATE: the
// texts are in the language of the server.
#pragma once

#include "postgres/replication.hpp"

#include <string>

namespace itemize::sidecar {

/// For a failed CREATE_REPLICATION_SLOT or START_REPLICATION. Throws FatalError for a reason that waiting does not
/// remove, else the error as it is.
[[noreturn]] void ThrowCannotUseSlot(const PostgresError &error, ReplicationStream &stream, const std::string &slot);

/// For a failed look at the definitions; as above.
[[noreturn]] void ThrowCannotReadDefinitions(const PostgresError &error);

} // namespace itemize::sidecar
