// What filters have to know of a type, asked of the database.
#pragma once

#include "matching/type_facts.hpp"
#include "postgres/connection.hpp"

#include <optional>
#include <string>

namespace itemize::sidecar::read {

/// Nothing when the type is not defined there. Throws PostgresError, or Stopped.
[[nodiscard]] std::optional<matching::TypeFacts> ReadTypeFacts(PostgresConnection &database, const std::string &type);

} // namespace itemize::sidecar::read
