// Searches in the database: on the nearest standby that is as new as what the cluster shows, else on the primary.
#pragma once

#include "postgres/connection.hpp"
#include "read/backends.hpp"
#include "search/ask.hpp"
#include "search/found.hpp"

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

namespace itemize::sidecar::search {

/// What searches have in common: they count, and one says for all that the database refuses. Thread-safe.
struct SearchMetrics {
  explicit SearchMetrics(Metrics &metrics);

  void Observe(Kind kind, bool replica, double seconds);

  prometheus::Counter &timeouts;
  prometheus::Counter &refused;
  prometheus::Gauge &waiting;
  read::Outage refusal;
  /// The primary is there and lets no search begin; searches alone are kept from it.
  read::Pause pause;
  std::atomic<Outcome> paused_for{Outcome::kBusy};

private:
  Metrics &metrics_;
};

/// For one thread at a time: it has its own connections.
class SearchSource {
public:
  SearchSource(read::ReadBackends &backends, SearchMetrics &metrics);

  /// The answer contains every transaction up to `floor`; without one the primary is asked.
  Found Run(const Ask &ask, const std::optional<Position> &floor);

private:
  using Connection = read::LazyConnection<PostgresConnection>;

  /// Nothing when this standby cannot answer now: it is away, behind, or of another history.
  std::optional<Found> RunOnReplica(std::size_t index, const Ask &ask, const Position &floor);
  Found RunOnPrimary(const Ask &ask);
  /// In a transaction that has been begun; ends it.
  Found RunBegun(PostgresConnection &database, const Ask &ask, bool replica);
  Found FoundFor(const PostgresError &error, const Ask &ask);
  void LogRefusal(const PostgresError &error);
  void LogReplicaRefusal(read::Replica &replica, const PostgresError &error);
  /// Begins a transaction; else says why not.
  std::optional<PostgresError> Begin(Connection &connection);
  static void End(Connection &connection);
  /// After an error: the connection is ready for another transaction, or gone.
  static void Abandon(Connection &connection, const PostgresError &error);
  [[nodiscard]] bool WaitForReplay(PostgresConnection &standby, const Position &floor) const;

  read::ReadBackends &backends_;
  SearchMetrics &metrics_;
  std::string begin_;
  Connection primary_;
  std::vector<Connection> replicas_;
};

} // namespace itemize::sidecar::search
