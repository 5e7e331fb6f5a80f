#include "global/slot.hpp"

#include "base/backoff.hpp"
#include "global/refusals.hpp"
#include "postgres/refusals.hpp"
#include "postgres/rule_query.hpp"

namespace itemize::sidecar {
namespace {

/// A successor takes over within about this time after the holder is gone.
constexpr std::chrono::milliseconds kLongestTakeoverDelay{1000};

// SQLSTATEs, PostgreSQL's errcodes.txt
constexpr const char *kInsufficientPrivilege = "42501";
constexpr const char *kTooManyConnections = "53300";
constexpr const char *kObjectInUse = "55006";
constexpr const char *kObjectNotInPrerequisiteState = "55000";

void CheckWalLevel(ReplicationStream &stream) {
  const std::string level = stream.Show("wal_level");
  if (level == "logical") return;
  throw FatalError("wal_level is " + level +
                   ", logical decoding needs: ALTER SYSTEM SET wal_level = 'logical'; and a "
                   "restart of PostgreSQL");
}

void CheckPlugin(const SlotState &state, const std::string &slot, const std::string &database) {
  if (state.plugin == kOutputPlugin && state.database != database) {
    throw FatalError("replication slot \"" + slot + "\" belongs to database " + state.database + ", not to " +
                     database + "; correct --replication-database, or choose another name with --slot");
  }
  if (state.plugin == kOutputPlugin) return;
  throw FatalError("replication slot \"" + slot + "\" belongs to " +
                   (state.plugin.empty() ? "physical replication" : "output plugin " + state.plugin) +
                   ", not to itemize; choose another name with --slot, or drop it");
}

/// Too many connections of another kind pass by waiting; walsenders are counted apart from them.
void ThrowIfNoWalsenderIsFree(PostgresConnection &database) {
  const PostgresResult result = database.Query("SELECT pg_catalog.current_setting('max_wal_senders')::int, "
                                               "(SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_replication)");
  const std::uint64_t most = ParseUint64(result.Text(0, 0)).value_or(0);
  if (ParseUint64(result.Text(0, 1)).value_or(0) < most) return;
  throw FatalError("no walsender is free; end one, or: ALTER SYSTEM SET max_wal_senders = " + std::to_string(most + 5) +
                   "; and restart PostgreSQL");
}

/// The holder is frozen, or cut off from Redis: it publishes nothing, and the server would give it wal_sender_timeout.
/// That it can change nothing when it wakes is not this function's doing: Redis takes nothing without the claim.
void Evict(ReplicationStream &stream, int pid, Services &services) {
  services.log.Warning("evicting_holder", {{"pid", pid}, {"reason", "its lease has lapsed"}});
  try {
    stream.connection().Execute("SELECT pg_catalog.pg_terminate_backend(" + std::to_string(pid) + ")");
    services.metrics
        .Counter("itemize_slot_evictions_total", "Holders of the slot that were evicted because their lease had lapsed")
        .Increment();
  } catch (const PostgresError &error) {
    if (error.sqlstate() != kInsufficientPrivilege) throw;
    services.log.Error("eviction_refused",
                       {{"error", error.what()}, {"hint", "let all global sidecars log in with one role"}});
  }
}

/// Throws unless the cause is that somebody else reads the slot.
bool TryStart(ReplicationStream &stream, const std::string &slot, bool careful) {
  try {
    stream.Start(slot, careful);
    return true;
  } catch (const PostgresError &error) {
    if (error.sqlstate() == kObjectInUse) return false;
    // Lost just now: the next look at it says so.
    if (error.sqlstate() == kObjectNotInPrerequisiteState) throw;
    ThrowCannotUseSlot(error, stream, slot);
  }
}

} // namespace

std::unique_ptr<ReplicationStream> OpenStream(const Options &options, PostgresConnection &database,
                                              const StopToken &stop) {
  try {
    return std::make_unique<ReplicationStream>(options.replication_database, stop);
  } catch (const PostgresError &error) {
    if (error.sqlstate() == kTooManyConnections) ThrowIfNoWalsenderIsFree(database);
    ThrowRefusedConnection(error, "--replication-database", "ALTER ROLE … REPLICATION;");
  }
}

void CheckOneServer(PostgresConnection &database, ReplicationStream &stream) {
  constexpr const char *kIdentity =
      "SELECT pg_catalog.current_database(), system_identifier, pg_catalog.pg_is_in_recovery() "
      "FROM pg_catalog.pg_control_system()";
  const PostgresResult ordinary = database.Execute(kIdentity);
  const PostgresResult replication = stream.connection().Execute(kIdentity);
  if (ordinary.Text(0, 2) == "t" || replication.Text(0, 2) == "t")
    throw Error("the server is a standby; --database and --replication-database must name the primary");
  if (ordinary.Text(0, 0) == replication.Text(0, 0) && ordinary.Text(0, 1) == replication.Text(0, 1)) return;
  throw FatalError("--database and --replication-database are not the same database of one server: " +
                   std::string(ordinary.Text(0, 0)) + " of system " + std::string(ordinary.Text(0, 1)) + ", " +
                   std::string(replication.Text(0, 0)) + " of system " + std::string(replication.Text(0, 1)));
}

PostgresConnection OpenDatabase(const Options &options, const StopToken &stop) {
  try {
    return PostgresConnection(options.database, {}, stop);
  } catch (const PostgresError &error) {
    ThrowRefusedConnection(error, "--database", "GRANT CONNECT ON DATABASE … TO …;");
  }
}

AcquiredSlot AcquireSlot(ReplicationStream &stream, StreamWriter &writer, const Options &options, Services &services,
                         bool careful) {
  CheckWalLevel(stream);
  AcquiredSlot acquired;
  acquired.system = stream.IdentifySystem();
  const std::string database(stream.connection().Execute("SELECT pg_catalog.current_database()").Text(0, 0));
  Backoff backoff(kBackoffFirst, kLongestTakeoverDelay);
  bool announced = false;
  while (true) {
    SlotState state = ReadSlot(stream.connection(), options.slot);
    if (state.exists) CheckPlugin(state, options.slot, database);
    if (state.exists && state.lost && state.active_pid == 0) {
      services.log.Error(
          "slot_lost",
          {{"slot", options.slot}, {"consequence", "clusters resync"}, {"hint", "raise max_slot_wal_keep_size"}});
      stream.DropSlot(options.slot);
      state = {};
    }
    if (!state.exists) {
      services.log.Info("creating_slot", {{"slot", options.slot}});
      try {
        stream.CreateSlot(options.slot);
      } catch (const PostgresError &error) {
        ThrowCannotUseSlot(error, stream, options.slot);
      }
      acquired.is_new = true;
    }
    if (state.active_pid == 0 && TryStart(stream, options.slot, careful)) return acquired;
    if (!announced) {
      services.log.Info("waiting_for_slot", {{"slot", options.slot}, {"active_pid", state.active_pid}});
      announced = true;
    }
    if (state.active_pid != 0 && writer.HolderLapsed(state.active_pid)) Evict(stream, state.active_pid, services);
    if (stream.connection().stop().WaitFor(backoff.Next())) throw Stopped();
  }
}

std::optional<Epoch> ReadReportedEpoch(PostgresConnection &database) {
  try {
    // Asked first: what is refused would stand in the server's log.
    const PostgresResult allowed =
        database.Query("SELECT pg_catalog.has_column_privilege(c.oid, 'epoch', 'SELECT') FROM pg_catalog.pg_class c "
                       "WHERE c.oid = pg_catalog.to_regclass('itemize.stream')");
    if (allowed.rows() == 0 || allowed.Text(0, 0) != "t") return std::nullopt;
    const PostgresResult result = database.Query("SELECT epoch FROM itemize.stream");
    if (result.rows() > 0) return ParseEpoch(result.Text(0, 0));
  } catch (const PostgresError &error) {
    if (error.sqlstate().empty()) throw; // the connection is gone
  }
  return std::nullopt;
}

std::vector<TypeState> ReadDefinitions(PostgresConnection &database) {
  std::vector<TypeState> types;
  try {
    const PostgresResult result = database.Query(
        std::string(kRuleQuery) + " UNION ALL SELECT '@' || topic, generation, read FROM itemize.topics");
    for (int row = 0; row < result.rows(); ++row) {
      types.push_back({std::string(result.Text(row, 0)),
                       std::string(result.Text(row, 1)) + ' ' + std::string(result.Text(row, 2))});
    }
  } catch (const PostgresError &error) {
    ThrowCannotReadDefinitions(error);
  }
  return types;
}

} // namespace itemize::sidecar
