#include "operate/uninstall.hpp"

#include "base/errors.hpp"
#include "operate/key_sweep.hpp"
#include "postgres/replication.hpp"
#include "redis/consumer_report.hpp"
#include "redis/endpoint.hpp"
#include "redis/keys.hpp"
#include "redis/scan.hpp"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <vector>

namespace itemize::sidecar {
namespace {

/// How often, and for how long in all, the end of a terminated walsender is waited for.
constexpr std::chrono::milliseconds kSlotPollInterval{100};
constexpr int kSlotPolls = 100;

std::string Times(std::size_t count, const char *thing) {
  return std::to_string(count) + ' ' + thing + (count == 1 ? "" : "s");
}

/// Names of the clusters whose appliers are at work.
std::vector<std::string> RunningClusters(RedisConnection &redis, const std::string &prefix) {
  const GlobalKeys keys(prefix);
  const Reply epoch = redis.Command({"GET", keys.Epoch()});
  std::vector<std::string> running;
  if (epoch.IsNil()) return running;
  const Reply time = redis.Command({"TIME"});
  const std::uint64_t now = ParseUint64(time[0].Text()).value_or(0) * 1000;
  const Reply clusters = redis.Command({"HGETALL", keys.Clusters(epoch.Text())});
  for (std::size_t i = 0; i + 1 < clusters.size(); i += 2) {
    const auto report = ParseConsumerReport(clusters[i + 1].Text());
    if (report && !report->SilentFor(kRunningSilence, now)) running.emplace_back(clusters[i].Text());
  }
  return running;
}

void RefuseWhileRunning(const SlotState &slot, RedisConnection &redis, const Options &options) {
  if (options.force) return;
  if (slot.active_pid != 0) {
    throw FatalError("a sidecar uses replication slot \"" + options.slot + "\" (process " +
                     std::to_string(slot.active_pid) +
                     " of PostgreSQL): stop all sidecars first, or take --force, after which they begin anew");
  }
  const auto running = RunningClusters(redis, options.prefix);
  if (running.empty()) return;
  throw FatalError("a sidecar of cluster \"" + running.front() +
                   "\" has reported within the last seconds: stop all sidecars first, or take --force");
}

void DropSlot(ReplicationStream &stream, SlotState slot, const Options &options, const StopToken &stop) {
  if (!slot.exists) {
    std::cout << "slot \"" << options.slot << "\": was not there\n";
    return;
  }
  for (int poll = 0; slot.active_pid != 0 && poll < kSlotPolls; ++poll) {
    stream.connection().Execute("SELECT pg_catalog.pg_terminate_backend(" + std::to_string(slot.active_pid) + ")");
    if (stop.WaitFor(kSlotPollInterval)) throw Stopped();
    slot = ReadSlot(stream.connection(), options.slot);
  }
  stream.DropSlot(options.slot);
  std::cout << "slot \"" << options.slot << "\": dropped\n";
}

void DeleteKeys(const char *which, RedisConnection &redis, const RedisEndpoint &endpoint, const std::string &prefix) {
  std::size_t deleted = 0;
  ForEachKey(redis, prefix, [&](const std::vector<std::string> &keys) { deleted += Unlink(redis, keys); });
  std::cout << which << " Redis " << endpoint.Describe() << ": " << Times(deleted, "key") << " removed\n";
}

} // namespace

int Uninstall(const Options &options, Services & /*services*/, const StopToken &stop) {
  const RedisEndpoint global = ParseRedisUrl(options.global_redis);
  RedisConnection global_redis(global);
  ReplicationStream stream(options.replication_database, stop);
  const SlotState slot = ReadSlot(stream.connection(), options.slot);
  if (slot.exists && slot.plugin != kOutputPlugin) {
    throw FatalError("replication slot \"" + options.slot + "\" belongs to " +
                     (slot.plugin.empty() ? "physical replication" : "output plugin " + slot.plugin) +
                     ", not to itemize; name the right one with --slot");
  }
  RefuseWhileRunning(slot, global_redis, options);
  DropSlot(stream, slot, options, stop);
  DeleteKeys("global", global_redis, global, options.prefix);
  if (!options.local_redis.empty() && options.local_redis != options.global_redis) {
    const RedisEndpoint local = ParseRedisUrl(options.local_redis);
    RedisConnection local_redis(local);
    DeleteKeys("local", local_redis, local, options.prefix);
  }
  std::cout << "what is left: the extension (DROP EXTENSION itemize), the roles, and the local Redis of other clusters "
               "(uninstall again with --local-redis)\n";
  return EXIT_SUCCESS;
}

} // namespace itemize::sidecar
