// Taking hold of the slot: the leader election of the publishers, and the place where what the server
// is not set up for is told in one line.
#pragma once

#include "base/services.hpp"
#include "global/stream_writer.hpp"
#include "options.hpp"
#include "postgres/replication.hpp"

#include <memory>
#include <optional>
#include <vector>

namespace itemize::sidecar {

struct AcquiredSlot {
  SystemIdentity system;
  bool is_new = false;
};

/// Connects as a walsender. Throws FatalError when the server refuses for a reason that waiting does not remove.
std::unique_ptr<ReplicationStream> OpenStream(const Options &options, PostgresConnection &database,
                                              const StopToken &stop);

/// Throws FatalError unless both connections go to one database, and another error while it is on a standby, which may
/// be promoted.
void CheckOneServer(PostgresConnection &database, ReplicationStream &stream);

/// Connects for queries; throws in the same way.
PostgresConnection OpenDatabase(const Options &options, const StopToken &stop);

/// Makes the slot when it is missing or lost, waits while another process reads it (and evicts one that has let its
/// lease in Redis lapse), and starts the stream, `careful` or not (ReplicationStream::Start). Throws FatalError when
/// the server refuses for a reason that waiting does not remove.
AcquiredSlot AcquireSlot(ReplicationStream &stream, StreamWriter &writer, const Options &options, Services &services,
                         bool careful);

/// The epoch that the database was told last (DatabaseReport); nothing when it was told none, or will not say.
std::optional<Epoch> ReadReportedEpoch(PostgresConnection &database);

/// The definitions that are visible now. Throws FatalError when the extension or a privilege is missing.
std::vector<TypeState> ReadDefinitions(PostgresConnection &database);

} // namespace itemize::sidecar
