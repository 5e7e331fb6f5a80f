// What the active publisher tells the database, for SQL to see: the running epoch, and how far the clusters are.
#pragma once

#include "base/services.hpp"
#include "base/stop_token.hpp"
#include "options.hpp"
#include "postgres/connection.hpp"

#include <optional>
#include <string>

namespace itemize::sidecar {

/// Nothing here stops the publisher: what fails is logged, and the watch tries again. It logs in with the
/// role of the replication connection, so that the role which serves clients cannot forge a report.
class DatabaseReport {
public:
  /// Connects with the first report. The first two are kept by reference.
  DatabaseReport(const Options &options, Services &services, StopToken stop);

  /// The epoch that has begun or goes on. False when that failed and may succeed later.
  bool Stream(const std::string &epoch);
  /// JSON for itemize.status. False as above.
  bool Clusters(const std::string &json);

private:
  bool Call(const std::string &statement, const std::string &argument);

  const Options &options_;
  Services &services_;
  StopToken stop_;
  std::optional<PostgresConnection> connection_;
  /// The role may not report, which has been logged: not tried again.
  bool refused_ = false;
};

} // namespace itemize::sidecar
