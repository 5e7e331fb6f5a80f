#include "global/database_report.hpp"

#include <utility>

namespace itemize::sidecar {
namespace {

/// The publisher waits for a report.
constexpr std::chrono::milliseconds kLongestReport{2000};

// SQLSTATEs, PostgreSQL's errcodes.txt
constexpr const char *kInsufficientPrivilege = "42501";
constexpr const char *kUndefinedFunction = "42883";

PostgresSettings Settings() {
  PostgresSettings settings;
  settings.application_name = "itemize-report"; // never one that synchronous_standby_names waits for
  settings.query_timeout = kLongestReport;
  return settings;
}

} // namespace

DatabaseReport::DatabaseReport(const Options &options, Services &services, StopToken stop)
    : options_(options), services_(services), stop_(std::move(stop)) {}

bool DatabaseReport::Stream(const std::string &epoch) { return Call("SELECT itemize.report_stream($1)", epoch); }

bool DatabaseReport::Clusters(const std::string &json) { return Call("SELECT itemize.report_clusters($1)", json); }

bool DatabaseReport::Call(const std::string &statement, const std::string &argument) {
  if (refused_) return true;
  try {
    if (!connection_) {
      connection_.emplace(options_.replication_database, Settings(), stop_);
      // A report must not wait for standbys, nor behind a lock.
      connection_->Execute("SET synchronous_commit = local; SET lock_timeout = '1s'");
    }
    connection_->Query(statement, {argument});
    return true;
  } catch (const PostgresError &error) {
    refused_ = error.sqlstate() == kInsufficientPrivilege || error.sqlstate() == kUndefinedFunction;
    if (error.sqlstate().empty() || !connection_ || !connection_->ok()) connection_.reset();
    services_.log.Warning(
        "report_failed",
        {{"error", error.what()},
         {"consequence", "the database does not know this stream"},
         {"hint", refused_ ? "GRANT EXECUTE ON FUNCTION itemize.report_stream(text), itemize.report_clusters(json) TO "
                             "the role of --replication-database, then restart the global sidecar"
                           : "tried again within seconds"}});
    return refused_;
  }
}

} // namespace itemize::sidecar
