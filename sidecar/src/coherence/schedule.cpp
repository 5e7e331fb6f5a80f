#include "coherence/schedule.hpp"

#include "base/clock.hpp"
#include "base/scope_exit.hpp"
#include "coherence/comparison.hpp"

#include <algorithm>
#include <chrono>
#include <random>
#include <utility>

namespace itemize::sidecar::coherence {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// Another sidecar of the cluster takes over this long after the one whose turn it was has died.
constexpr milliseconds kTurnDuration{60000};
constexpr milliseconds kTurnRenewal{1000};
/// How often to look whether it is our turn, at most.
constexpr milliseconds kLongestNap{5000};
constexpr milliseconds kQueryTimeout{10000};

constexpr std::string_view kInsufficientPrivilege = "42501";
constexpr const char *kGrant = "GRANT EXECUTE ON FUNCTION itemize.checksum(text, text[], integer) TO …;";

constexpr const char *kMismatchHelp = "Items held that were not what the database had; dropped, to be filled anew";

std::string MakeToken() {
  std::random_device random;
  return std::to_string((std::uint64_t{random()} << 32U) | random());
}

struct ComparisonMetrics {
  explicit ComparisonMetrics(Metrics &metrics)
      : checked(metrics.Counter("itemize_coherence_checked_total", "Items held that were compared with the database")),
        unsettled(metrics.Counter("itemize_coherence_unsettled_total",
                                  "Items held that could not be compared, mostly as they kept changing")),
        last_success(metrics.Gauge("itemize_coherence_last_success_timestamp_seconds",
                                   "Unix time when all items held had been compared, 0 before the first time")) {}

  prometheus::Counter &checked;
  prometheus::Counter &unsettled;
  prometheus::Gauge &last_success;
};

/// One comparison, if it is our turn; false if it is not.
class Turn {
public:
  Turn(const Options &options, Services &services, ComparisonMetrics &metrics, const std::string &token)
      : options_(options), services_(services), metrics_(metrics), token_(token), copy_(options) {}

  bool Take(const StopToken &stop) {
    if (!copy_.ReadState() || !copy_.TakeTurn(token_, kTurnDuration)) return false;
    // Whatever comes of it, the next turn begins an interval later.
    const ScopeExit end([&] { EndTurn(); });
    PostgresSettings connection;
    connection.application_name = "itemize-sidecar coherence";
    connection.query_timeout = kQueryTimeout;
    PostgresConnection database(options_.database, connection, stop);
    ComparisonSettings settings;
    settings.items_per_second = options_.coherence_items_per_second;
    settings.token = token_;
    settings.found = [&](const ItemName &item, std::string_view how) { Found(item, how); };
    settings.progress = [&](const ComparisonCounts &counts) { Progress(counts); };
    const Comparison::Result result = Comparison(copy_, database, settings).Run();
    metrics_.last_success.Set(static_cast<double>(UnixSeconds()));
    services_.log.Debug("coherence_compared",
                        {{"checked", result.counts.checked},
                         {"mismatches", result.counts.mismatches},
                         {"unsettled", result.counts.unsettled},
                         {"position", FormatPosition(result.position)},
                         {"seconds", std::chrono::duration<double>(Clock::now() - begun_).count()}});
    return true;
  }

private:
  void Found(const ItemName &item, std::string_view how) {
    services_.metrics.Counter("itemize_coherence_mismatches_total", kMismatchHelp, {{"type", item.type}}).Increment();
    services_.log.Error("coherence_mismatch", {{"type", item.type}, {"key", item.key}, {"held", how}});
  }

  void Progress(const ComparisonCounts &counts) {
    metrics_.checked.Increment(static_cast<double>(counts.checked - counted_.checked));
    metrics_.unsettled.Increment(static_cast<double>(counts.unsettled - counted_.unsettled));
    counted_ = counts;
    if (Clock::now() - renewed_ < kTurnRenewal) return;
    renewed_ = Clock::now();
    copy_.KeepTurn(token_, kTurnDuration);
  }

  void EndTurn() {
    try {
      copy_.KeepTurn(token_, options_.coherence_interval);
    } catch (const RedisError &) { // gone, and the turn with it or soon over
    }
  }

  const Options &options_;
  Services &services_;
  ComparisonMetrics &metrics_;
  const std::string &token_;
  HeldCopy copy_;
  Clock::time_point begun_ = Clock::now();
  Clock::time_point renewed_ = begun_;
  ComparisonCounts counted_;
};

} // namespace

Schedule::Schedule(const Options &options, Services &services) : options_(options), services_(services) {}

void Schedule::Run(const StopToken &stop) {
  ComparisonMetrics metrics(services_.metrics);
  const std::string token = MakeToken();
  const milliseconds nap = std::min<milliseconds>(options_.coherence_interval, kLongestNap);
  bool at_fault = false; // only the first time is worth a line
  const auto interrupted = [&](const std::exception &error, const std::string &hint) {
    if (!std::exchange(at_fault, true))
      services_.log.Warning("coherence_interrupted", {{"error", error.what()}, {"hint", hint}});
  };
  while (!stop.stopped()) {
    try {
      if (Turn(options_, services_, metrics, token).Take(stop)) at_fault = false;
    } catch (const Stopped &) {
      return;
    } catch (const NotComparable &error) {
      services_.log.Debug("coherence_postponed", {{"reason", error.what()}});
    } catch (const PostgresError &error) {
      interrupted(error, error.sqlstate() == kInsufficientPrivilege ? kGrant : error.hint());
    } catch (const std::exception &error) {
      interrupted(error, "");
    }
    stop.WaitFor(nap);
  }
}

} // namespace itemize::sidecar::coherence
