// Writes in the database: each in one transaction, as the caller.
#pragma once

#include "postgres/connection.hpp"
#include "read/backends.hpp"
#include "write/ask.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace itemize::sidecar::write {

/// What writers have in common. Thread-safe.
struct WriteMetrics {
  explicit WriteMetrics(Metrics &metrics);

  void Observe(Operation operation, double seconds);

  prometheus::Counter &refused;
  prometheus::Counter &retries;
  prometheus::Counter &unknown;
  prometheus::Gauge &waiting;
  /// The database for writing is away; that for reading may be another server.
  read::Outage outage;
  /// It answers, and is not set up for writes.
  read::Outage refusal;
  /// Commits have no position.
  read::Outage positions;

private:
  Metrics &metrics_;
};

/// For one thread at a time: it has its own connection.
class Writer {
public:
  Writer(read::ReadBackends &backends, WriteMetrics &metrics);

  Done Run(const Ask &ask);

private:
  using Connection = read::LazyConnection<PostgresConnection>;

  /// Once; throws PostgresError for what was not committed.
  Done Try(const Ask &ask);
  /// Within the transaction. Whatever is not kOk is to be rolled back.
  Done RunBegun(PostgresConnection &database, const Ask &ask);
  Done Change(PostgresConnection &database, const Ask &ask);
  /// False when the login role may become none of the caller's roles.
  bool BecomeCaller(PostgresConnection &database, const Ask &ask);
  /// False when the connection was lost: then nobody knows.
  bool Commit();
  std::string Position();
  /// After an error, or null: the connection is ready for another transaction, or gone.
  void RollBack(const PostgresError *error);
  Done DoneFor(const PostgresError &error, const Ask &ask);
  void NoteOutage(const char *error);

  read::ReadBackends &backends_;
  WriteMetrics &metrics_;
  std::string begin_;
  Connection connection_;
};

inline constexpr std::string_view kPrivilegedRole =
    "the role of --write-database is a superuser or has BYPASSRLS; make one for writes alone: CREATE ROLE … LOGIN "
    "NOINHERIT;";

/// Whether row-level security holds for the login role of a connection: else writes must not go through it.
[[nodiscard]] bool IsHeldByPolicies(PostgresConnection &database);

} // namespace itemize::sidecar::write
