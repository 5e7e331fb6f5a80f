// What a server is not set up for, told in one line that says what to do. Cases are told apart by SQLSTATE: the
// texts are in the language of the server.
#pragma once

#include "postgres/replication.hpp"

#include <string>

namespace itemize::sidecar {

/// Throws FatalError when the connection was refused for a reason that waiting does not remove (password, role,
/// database, privilege); else throws the error as it is. `option`: the one with the URL, `privilege`: what to grant.
[[noreturn]] void ThrowRefusedConnection(const PostgresError &error, const std::string &option,
                                         const std::string &privilege);

/// For a failed CREATE_REPLICATION_SLOT or START_REPLICATION; as above.
[[noreturn]] void ThrowCannotUseSlot(const PostgresError &error, ReplicationStream &stream, const std::string &slot);

/// For a failed look at the definitions; as above.
[[noreturn]] void ThrowCannotReadDefinitions(const PostgresError &error);

} // namespace itemize::sidecar
