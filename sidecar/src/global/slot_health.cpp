#include "global/slot_health.hpp"

#include <algorithm>

namespace itemize::sidecar {

std::optional<SlotHealth> ReadSlotHealth(PostgresConnection &connection, const std::string &slot) {
  const PostgresResult result = connection.Query(
      "WITH wal AS (SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() "
      "ELSE pg_catalog.pg_current_wal_lsn() END AS tip) "
      "SELECT s.active, s.wal_status, s.confirmed_flush_lsn, wal.tip, "
      "pg_catalog.pg_wal_lsn_diff(wal.tip, s.restart_lsn)::bigint, s.safe_wal_size "
      "FROM pg_catalog.pg_replication_slots s, wal WHERE s.slot_name = $1",
      {slot});
  if (result.rows() == 0) return std::nullopt;
  SlotHealth health;
  health.active = result.Text(0, 0) == "t";
  health.wal_status = result.Text(0, 1);
  health.confirmed = ParsePgLsn(result.Text(0, 2)).value_or(0);
  health.wal_end = ParsePgLsn(result.Text(0, 3)).value_or(0);
  health.retained = ParseUint64(result.Text(0, 4)).value_or(0);
  if (!result.IsNull(0, 5)) health.safe = ParseUint64(result.Text(0, 5)).value_or(0);
  return health;
}

} // namespace itemize::sidecar
