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

  /// `operation`: a literal.
  void Observe(const char *operation, double seconds);

  prometheus::Counter &refused;
  prometheus::Counter &retries;
  prometheus::Counter &unknown;
  prometheus::Counter &repeated;
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
  /// Within the transaction; what it finds goes to progress_.
  Outcome RunBegun(PostgresConnection &database, const Ask &ask);
  Outcome Make(PostgresConnection &database, const Change &change, std::string_view body);
  /// Of a request that is made once: whether it was made before, or is being made.
  Outcome LookUp(PostgresConnection &database, const Once &once);
  void Keep(PostgresConnection &database, const Once &once);
  /// Of an item that is there already: whether it is the one that the client means.
  Outcome CheckCondition(PostgresConnection &database, const Change &change);
  /// A condition finds no item that the caller may not see.
  [[nodiscard]] bool Sees(std::string_view item) const;
  /// False when the login role may become none of the caller's roles.
  bool BecomeCaller(PostgresConnection &database, const Ask &ask);
  /// Again, after what a change may have set; `timeout`: of each statement from here on, at least 1 ms.
  void RemainCaller(PostgresConnection &database, std::chrono::milliseconds timeout);
  /// As the caller: whether what was kept of a change is still for him. Of items the rules of reading decide.
  static Outcome MayRepeat(PostgresConnection &database, const Change &change);
  /// Of the row that a change has come back with.
  void NoteWritten(const PostgresResult &made);
  /// False when the connection was lost: then nobody knows.
  bool Commit();
  /// After a commit: the connection is ready for another transaction, or gone.
  void Forget();
  /// Of this connection's commit, or of all so far.
  std::string Position(bool of_all);
  /// After an error, or null: the connection is ready for another transaction, or gone.
  void RollBack(const PostgresError *error);
  /// Whether it is the server's word on a statement, and the connection is still there.
  bool IsAnswer(const PostgresError &error);
  /// After it was rolled back. `answered`: as IsAnswer said before that.
  Outcome Judge(const PostgresError &error, bool answered);
  Done DoneFor(const PostgresError &error, Outcome outcome);
  Done Without(Outcome outcome);
  void NoteOutage(const char *error);

  read::ReadBackends &backends_;
  WriteMetrics &metrics_;
  std::string begin_;
  Connection connection_;
  const Ask *ask_ = nullptr;
  /// COMMIT has been sent: whatever it says, no transaction is open.
  bool committing_ = false;
  /// An exposed function is running.
  bool calling_ = false;
  /// The transaction has an ID, hence its commit a position.
  bool has_written_ = false;
  /// The role of the database that the caller is, and his claims as triggers see them.
  std::string role_;
  std::string claims_;
  /// How far the transaction is: `failed` is the change that is being made.
  Done progress_;
};

inline constexpr std::string_view kPrivilegedRole =
    "the role of --write-database is a superuser or has BYPASSRLS; make one for writes alone: CREATE ROLE … LOGIN "
    "NOINHERIT;";

/// Whether row-level security holds for the login role of a connection: else writes must not go through it.
[[nodiscard]] bool IsHeldByPolicies(PostgresConnection &database);

} // namespace itemize::sidecar::write
