// Whether an operator holds the stream (itemize.pause).
#pragma once

#include "base/services.hpp"
#include "postgres/connection.hpp"

#include <chrono>

namespace itemize::sidecar {

class PauseWatch {
public:
  /// Both are kept by reference. Connected as any query of the publisher: while the database is away nothing is
  /// published anyway.
  PauseWatch(PostgresConnection &database, Services &services);

  /// Asks the database at most once a second. Logs both changes.
  bool Paused();

private:
  PostgresConnection &database_;
  Services &services_;
  prometheus::Gauge &gauge_;
  bool paused_ = false;
  std::chrono::steady_clock::time_point next_look_;
};

} // namespace itemize::sidecar
