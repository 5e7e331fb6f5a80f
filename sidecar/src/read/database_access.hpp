// A database that may be away: when it counts as that, and how it is tried.
#pragma once

#include "postgres/connection.hpp"
#include "read/lazy_connection.hpp"

namespace itemize::sidecar::read {

/// A value that was asked for is none, here as on any server.
[[nodiscard]] bool IsAboutTheQuestion(const PostgresError &error);
/// Grants, or the extension, are missing: somebody has to act.
[[nodiscard]] bool IsRefusal(const PostgresError &error);
/// The server is gone, going, or out of resources.
[[nodiscard]] bool IsOutage(const PostgresError &error);

/// Runs `use(PostgresConnection &)`: twice when the connection lay idle and has broken. Throws what `use` throws; the
/// connection is still there after an error that is the server's answer, and gone after an outage and a stop.
template <typename Use>
void UseDatabase(LazyConnection<PostgresConnection> &connection, Use use) {
  while (true) {
    const SecondChance chance(connection.connected());
    try {
      use(connection.Get());
      return;
    } catch (const PostgresError &error) {
      if (connection.connected() && !IsOutage(error)) throw;
      connection.Drop();
      if (!chance.given()) throw;
    } catch (const Stopped &) {
      connection.Drop();
      throw;
    }
  }
}

} // namespace itemize::sidecar::read
