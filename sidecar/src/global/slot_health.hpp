// What the slot costs the server, as pg_replication_slots tells it to any role.
#pragma once

#include "itemize/lsn.hpp"
#include "postgres/connection.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace itemize::sidecar {

struct SlotHealth {
  bool active = false;
  /// reserved, extended, unreserved or lost
  std::string wal_status;
  Lsn confirmed = 0;
  /// Where the server's write-ahead log ends.
  Lsn wal_end = 0;
  /// WAL that the server keeps because of the slot, in bytes.
  std::uint64_t retained = 0;
  /// What may be written before the slot is in danger of being lost, in bytes; nothing: without limit.
  std::optional<std::uint64_t> safe;

  /// From commit to confirmation.
  [[nodiscard]] std::uint64_t lag_bytes() const { return wal_end > confirmed ? wal_end - confirmed : 0; }
};

/// Nothing when there is no such slot.
std::optional<SlotHealth> ReadSlotHealth(PostgresConnection &connection, const std::string &slot);

} // namespace itemize::sidecar
