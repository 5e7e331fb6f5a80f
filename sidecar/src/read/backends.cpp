#include "read/backends.hpp"

#include "postgres/connection.hpp"

namespace itemize::sidecar::read {

ReadBackends::ReadBackends(const Options &run_options, Services &run_services, StopToken stop_token)
    : options(run_options), services(run_services), stop(std::move(stop_token)),
      redis_endpoint(ParseRedisUrl(run_options.local_redis)), local(run_options),
      memory(run_options.memory_cache_bytes, run_services.metrics),
      hits(run_services.metrics.Counter("itemize_read_hits_total", "Items that the local Redis held")),
      fills(run_services.metrics.Counter("itemize_read_fills_total", "Items filled from the database")),
      fill_queries(run_services.metrics.Counter("itemize_read_fill_queries_total",
                                                "Questions to a database for items, each for one or many")),
      fill_retries(run_services.metrics.Counter("itemize_read_fill_retries_total", "Fills that had to be tried again")),
      lease_waits(run_services.metrics.Counter("itemize_read_lease_waits_total",
                                               "Items that another was filling when they were asked for")),
      uncached(run_services.metrics.Counter("itemize_read_uncached_total",
                                            "Items served from the database without being stored")),
      replica_fills(
          run_services.metrics.Counter("itemize_read_replica_fills_total", "Items filled from a standby (--replica)")),
      replica_misses(run_services.metrics.Counter("itemize_read_replica_misses_total",
                                                  "Questions to a standby whose answer could not be used")),
      position_waits(run_services.metrics.Counter("itemize_read_position_waits_total",
                                                  "Reads that waited for an Itemize-Min-Position")),
      forced_fills(run_services.metrics.Counter(
          "itemize_read_forced_fills_total",
          "Items read from the primary because the copy had not reached an Itemize-Min-Position")) {
  for (const std::string &url : run_options.replicas)
    replicas.push_back(std::make_unique<Replica>(url));
}

void ReadBackends::NoteDatabase(std::string_view part, const char *error) {
  if (error == nullptr) {
    if (database_outage.Works()) services.log.Info("database_back", {{"part", part}});
  } else if (database_outage.Failed()) {
    services.log.Warning("database_gone", {{"part", part}, {"error", error}});
  }
}

void ReadBackends::NoteReplica(Replica &replica, std::string_view part, const char *error) {
  if (error == nullptr) {
    if (replica.outage.Works())
      services.log.Info("replica_back", {{"part", part}, {"database", DescribeDatabase(replica.url)}});
  } else if (replica.outage.Failed()) {
    services.log.Warning("replica_gone",
                         {{"part", part}, {"database", DescribeDatabase(replica.url)}, {"error", error}});
  }
}

} // namespace itemize::sidecar::read
