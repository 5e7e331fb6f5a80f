// Puts a password that was kept apart, in a secret file, into a connection string.
#pragma once

#include <string>

namespace itemize::sidecar {

/// The same connection as a keyword=value string with this password. Throws ConfigError, without
/// repeating the string, when libpq does not understand it or when it holds a password already.
std::string WithDatabasePassword(const std::string &url, const std::string &password);

} // namespace itemize::sidecar
