// The statements of a search, and what their rows mean. Text of a client is only ever a parameter.
#pragma once

#include "postgres/connection.hpp"
#include "search/ask.hpp"
#include "search/found.hpp"

namespace itemize::sidecar::search {

/// Runs what `ask` needs on a connection that is in a transaction. Throws PostgresError, Stopped.
[[nodiscard]] Found RunStatements(PostgresConnection &database, const Ask &ask);

} // namespace itemize::sidecar::search
