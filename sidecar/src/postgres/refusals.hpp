// What a database is not set up for, told in one line that says what to do. Cases are told apart by SQLSTATE: the texts
// are in the language of the server.
#pragma once

#include "postgres/connection.hpp"

#include <string>

namespace itemize::sidecar {

/// The server's own words, to end a refusal with.
std::string InBrackets(const PostgresError &error);

/// Throws FatalError: there is no extension in the database.
[[noreturn]] void ThrowNoExtension(const PostgresError &error);

/// Throws FatalError when the connection was refused for a reason that waiting does not remove (password, role,
/// database, privilege); else throws the error as it is. `option`: the one with the URL, `privilege`: what to grant.
[[noreturn]] void ThrowRefusedConnection(const PostgresError &error, const std::string &option,
                                         const std::string &privilege);

/// Throws FatalError unless the database has the extension, in a version that goes with this program's.
void CheckExtension(PostgresConnection &database);

} // namespace itemize::sidecar
