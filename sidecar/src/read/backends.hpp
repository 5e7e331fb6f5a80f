// What all readers of the process share: where things are, who of them is away, what this process has shown and
// counted.
#pragma once

#include "base/services.hpp"
#include "base/stop_token.hpp"
#include "options.hpp"
#include "read/lazy_connection.hpp"
#include "read/local_copy.hpp"
#include "read/memory_cache.hpp"
#include "read/position_floor.hpp"
#include "read/said_lately.hpp"
#include "read/shown_uncached.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace itemize::sidecar::read {

/// A standby of the primary, near this cluster.
struct Replica {
  /// A standby may come as far as is needed, and the stream as far as the standby, in as many waits of this length.
  static constexpr std::chrono::milliseconds kWait{3};
  static constexpr int kWaits = 10;
  /// Then it is left alone for this long.
  static constexpr std::chrono::milliseconds kPause{250};

  explicit Replica(std::string database_url) : url(std::move(database_url)) {}

  std::string url;
  Outage outage;
  /// Set when it was behind what may be shown, or ahead of the stream.
  Pause pause;
  /// The same of searches: what they come upon keeps no item from being read there.
  Pause search_pause;
  /// It answers, and cannot search.
  Outage search_refusal;
};

/// Thread-safe.
struct ReadBackends {
  ReadBackends(const Options &run_options, Services &run_services, StopToken stop_token);

  /// Note whether a server has answered (no `error`), and tell the log when that has changed. `part`: who has asked.
  void NoteDatabase(std::string_view part, const char *error);
  void NoteReplica(Replica &replica, std::string_view part, const char *error);

  const Options &options;
  Services &services;
  StopToken stop;
  RedisEndpoint redis_endpoint;
  LocalCopy local;
  MemoryCache memory;
  PositionFloor floor;
  ShownUncached shown_uncached;
  /// In the order of the options.
  std::vector<std::unique_ptr<Replica>> replicas;
  Outage redis_outage;
  Outage database_outage;
  /// The database answers, and does not let the role have items.
  Outage database_refusal;
  /// The local Redis has no memory left: what is held is served, and nothing is taken in.
  Outage redis_full;
  /// Items that the database cannot give.
  SaidLately unencodable;
  prometheus::Counter &hits;
  prometheus::Counter &fills;
  prometheus::Counter &fill_queries;
  prometheus::Counter &fill_retries;
  prometheus::Counter &lease_waits;
  prometheus::Counter &uncached;
  prometheus::Counter &replica_fills;
  prometheus::Counter &replica_misses;
  prometheus::Counter &position_waits;
  prometheus::Counter &forced_fills;
};

} // namespace itemize::sidecar::read
