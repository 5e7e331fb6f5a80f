#include "search/search_source.hpp"

#include "read/database_access.hpp"
#include "search/search_statements.hpp"
#include "search/verdict.hpp"

#include <chrono>

namespace itemize::sidecar::search {

namespace {

using Clock = std::chrono::steady_clock;

/// In the log.
constexpr std::string_view kPart = "search";
/// Before another search tries to begin where none could.
constexpr std::chrono::milliseconds kBeginPause{500};
/// What the server gets above its statement timeout, to say that it has ended a search.
constexpr std::chrono::milliseconds kTimeoutSlack{1000};
constexpr std::chrono::milliseconds kConnectTimeout{1000};

// Who is anonymous sees what the rule of the definition lets everyone see, whatever this process's role may read.
constexpr const char *kAnonymous = R"({"role":"anonymous"})";

/// To the end of the transaction, as what stands there until then.
constexpr const char *kSetClaims = "SELECT pg_catalog.set_config('request.jwt.claims', $1, true)";

// No notices either: libpq would write them among the lines of the log, once a search.
std::string BeginStatement(std::chrono::milliseconds timeout) {
  return "BEGIN TRANSACTION ISOLATION LEVEL READ COMMITTED READ ONLY; SET LOCAL statement_timeout = " +
         std::to_string(timeout.count()) + "; SET LOCAL client_min_messages = error; SET LOCAL request.jwt.claims = '" +
         kAnonymous + "'";
}

std::unique_ptr<PostgresConnection> Connect(const std::string &url, const read::ReadBackends &backends) {
  PostgresSettings settings;
  settings.application_name = "itemize-sidecar search";
  settings.connect_timeout = kConnectTimeout;
  settings.query_timeout = backends.options.search_timeout + kTimeoutSlack;
  return std::make_unique<PostgresConnection>(url, settings, backends.stop);
}

Found Without(Outcome outcome) {
  Found found;
  found.outcome = outcome;
  return found;
}

const char *NameOf(Kind kind) {
  switch (kind) {
  case Kind::kSearch: return "search";
  case Kind::kFacets: return "facets";
  case Kind::kClusters: return "clusters";
  }
  return "search";
}

} // namespace

SearchMetrics::SearchMetrics(Metrics &metrics)
    : timeouts(metrics.Counter("itemize_search_timeouts_total", "Searches that the database ended for their length")),
      refused(metrics.Counter("itemize_search_refused_total", "Searches refused because too many waited")),
      waiting(metrics.Gauge("itemize_search_waiting", "Searches that wait for a connection")), metrics_(metrics) {}

void SearchMetrics::Observe(Kind kind, bool replica, double seconds) {
  metrics_
      .Histogram("itemize_search_seconds", "Time that a search took in the database",
                 {0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0},
                 {{"kind", NameOf(kind)}, {"server", replica ? "replica" : "primary"}})
      .Observe(seconds);
}

SearchSource::SearchSource(read::ReadBackends &backends, SearchMetrics &metrics)
    : backends_(backends), metrics_(metrics), begin_(BeginStatement(backends.options.search_timeout)),
      primary_([&backends] { return Connect(backends.options.database, backends); }) {
  for (const auto &replica : backends.replicas)
    replicas_.emplace_back([&backends, url = replica->url] { return Connect(url, backends); });
}

Found SearchSource::Run(const Ask &ask, const std::optional<Position> &floor) {
  if (floor) {
    for (std::size_t i = 0; i < replicas_.size(); ++i) {
      if (auto found = RunOnReplica(i, ask, *floor)) return *std::move(found);
    }
  }
  return RunOnPrimary(ask);
}

bool SearchSource::WaitForReplay(PostgresConnection &standby, const Position &floor) const {
  const std::string history =
      std::to_string(floor.epoch.system_identifier) + '.' + std::to_string(floor.epoch.timeline);
  for (int tries = 0;; ++tries) {
    // A snapshot taken later, as that of the next statement is, contains all of it.
    const PostgresResult replayed = standby.Query("SELECT replayed, history FROM itemize.replayed()");
    if (replayed.rows() == 0 || replayed.Text(0, 1) != history) return false;
    const auto lsn = ParsePgLsn(replayed.Text(0, 0));
    if (lsn && *lsn >= floor.version.commit_lsn) return true;
    if (tries == read::Replica::kWaits || backends_.stop.WaitFor(read::Replica::kWait)) return false;
  }
}

std::optional<Found> SearchSource::RunOnReplica(std::size_t index, const Ask &ask, const Position &floor) {
  read::Replica &replica = *backends_.replicas[index];
  Connection &connection = replicas_[index];
  if (replica.search_pause.ongoing() || !replica.outage.MayTry()) return std::nullopt;
  if (const auto error = Begin(connection)) {
    if (VerdictOf(error->sqlstate()) != Outcome::kUnavailable) {
      replica.outage.TriedInVain();
      replica.search_pause.Begin(kBeginPause);
      LogReplicaRefusal(replica, *error);
    } else {
      backends_.NoteReplica(replica, kPart, error->what());
    }
    return std::nullopt;
  }
  backends_.NoteReplica(replica, kPart, nullptr);
  bool asked = false;
  try {
    if (WaitForReplay(connection.Get(), floor)) {
      asked = true;
      std::optional<Found> found = RunBegun(connection.Get(), ask, true);
      replica.search_refusal.Works();
      return found;
    }
    End(connection);
  } catch (const PostgresError &error) {
    Abandon(connection, error);
    // The question's fault, and its length, are the same everywhere. Everything else may be this standby's: it has not
    // replayed the definition, is no standby any more, or its replay needed the rows.
    const Outcome outcome = VerdictOf(error.sqlstate());
    if (asked && (outcome == Outcome::kWrong || outcome == Outcome::kTimeout)) return FoundFor(error, ask);
    if (outcome == Outcome::kRefused || outcome == Outcome::kFailed) LogReplicaRefusal(replica, error);
    // What a client asks for does not take the standby from the others.
    if (asked && outcome != Outcome::kBusy && outcome != Outcome::kUnavailable) return std::nullopt;
  }
  replica.search_pause.Begin(read::Replica::kPause);
  return std::nullopt;
}

void SearchSource::LogRefusal(const PostgresError &error) {
  if (!metrics_.refusal.Failed()) return;
  const bool missing = error.sqlstate().compare(0, 2, "42") == 0 || error.sqlstate().compare(0, 2, "3F") == 0;
  backends_.services.log.Error(
      "database_refuses",
      {{"part", kPart},
       {"error", error.what()},
       {"sqlstate", error.sqlstate()},
       {"hint", missing ? "in that database: ALTER EXTENSION itemize UPDATE; GRANT USAGE ON SCHEMA itemize TO …; and "
                          "EXECUTE on itemize.search, search_count, facets and map_clusters, where it was revoked from "
                          "PUBLIC"
                        : error.hint()}});
}

void SearchSource::LogReplicaRefusal(read::Replica &replica, const PostgresError &error) {
  if (!replica.search_refusal.Failed()) return;
  backends_.services.log.Warning("replica_refuses", {{"part", kPart},
                                                     {"database", DescribeDatabase(replica.url)},
                                                     {"error", error.what()},
                                                     {"sqlstate", error.sqlstate()}});
}

Found SearchSource::RunOnPrimary(const Ask &ask) {
  read::Outage &outage = backends_.database_outage;
  if (metrics_.pause.ongoing()) return Without(metrics_.paused_for);
  if (!outage.MayTry()) return Without(Outcome::kUnavailable);
  if (const auto error = Begin(primary_)) {
    if (VerdictOf(error->sqlstate()) == Outcome::kUnavailable) {
      backends_.NoteDatabase(kPart, error->what());
      return Without(Outcome::kUnavailable);
    }
    // As many connections as the role may have, say: those that items are read with may well work.
    outage.TriedInVain();
    LogRefusal(*error);
    const bool busy = VerdictOf(error->sqlstate()) == Outcome::kBusy;
    metrics_.paused_for = busy ? Outcome::kBusy : Outcome::kRefused;
    metrics_.pause.Begin(kBeginPause);
    return Without(metrics_.paused_for);
  }
  backends_.NoteDatabase(kPart, nullptr);
  try {
    return RunBegun(primary_.Get(), ask, false);
  } catch (const PostgresError &error) {
    Abandon(primary_, error);
    return FoundFor(error, ask);
  }
}

std::optional<PostgresError> SearchSource::Begin(Connection &connection) {
  try {
    read::UseDatabase(connection, [&](PostgresConnection &database) { database.Execute(begin_); });
    return std::nullopt;
  } catch (const PostgresError &error) {
    connection.Drop();
    return error;
  }
}

void SearchSource::End(Connection &connection) { connection.Get().Execute("ROLLBACK"); }

void SearchSource::Abandon(Connection &connection, const PostgresError &error) {
  try {
    if (!error.sqlstate().empty() && connection.Get().ok()) return End(connection);
  } catch (const PostgresError &) {
    // it goes as well
  }
  connection.Drop();
}

Found SearchSource::RunBegun(PostgresConnection &database, const Ask &ask, bool replica) {
  const auto start = Clock::now();
  if (!ask.claims.empty()) database.Query(kSetClaims, {ask.claims});
  Found found = RunStatements(database, ask);
  metrics_.Observe(ask.kind, replica, std::chrono::duration<double>(Clock::now() - start).count());
  database.Execute("COMMIT");
  metrics_.refusal.Works();
  return found;
}

Found SearchSource::FoundFor(const PostgresError &error, const Ask &ask) {
  Found found;
  found.outcome = VerdictOf(error.sqlstate());
  switch (found.outcome) {
  case Outcome::kWrong:
  case Outcome::kNotDefined:
    found.detail = error.message();
    backends_.services.log.Debug("search_refused",
                                 {{"type", ask.type}, {"sqlstate", error.sqlstate()}, {"error", error.what()}});
    if (!error.hint().empty()) found.detail += (found.detail.back() == '.' ? " " : ". ") + error.hint();
    break;
  case Outcome::kTimeout: metrics_.timeouts.Increment(); break;
  case Outcome::kRefused: LogRefusal(error); break;
  case Outcome::kFailed:
    backends_.services.log.Error(
        "search_failed",
        {{"type", ask.type}, {"kind", NameOf(ask.kind)}, {"sqlstate", error.sqlstate()}, {"error", error.what()}});
    break;
  case Outcome::kOk:
  case Outcome::kBusy:
  case Outcome::kUnavailable: break;
  }
  return found;
}

} // namespace itemize::sidecar::search
