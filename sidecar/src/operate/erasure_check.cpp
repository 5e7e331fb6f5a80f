#include "operate/erasure_check.hpp"

#include "base/errors.hpp"
#include "itemize/key_text.hpp"
#include "operate/traces.hpp"
#include "postgres/connection.hpp"
#include "postgres/refusals.hpp"
#include "redis/consumer_report.hpp"
#include "redis/endpoint.hpp"
#include "redis/keys.hpp"
#include "redis/local_stream_size.hpp"
#include "redis/lua_prelude.hpp"
#include "redis/script.hpp"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <vector>

namespace itemize::sidecar {
namespace {

/// Between two looks while scrubbing, and how long in all: longer than a heartbeat, which lets a stream go on.
constexpr std::chrono::milliseconds kScrubInterval{250};
constexpr std::chrono::seconds kScrubTime{60};

struct Hop {
  const char *name;
  std::unique_ptr<RedisConnection> redis;
  std::string place;
};

std::vector<Hop> OpenHops(const Options &options) {
  std::vector<Hop> hops;
  const auto open = [&](const char *name, const std::string &url) {
    const RedisEndpoint endpoint = ParseRedisUrl(url);
    hops.push_back({name, std::make_unique<RedisConnection>(endpoint), endpoint.Describe()});
  };
  open("global Redis", options.global_redis);
  if (!options.local_redis.empty() && options.local_redis != options.global_redis) {
    open("local Redis", options.local_redis);
  }
  return hops;
}

const RedisScript &ForgetScript() {
  static const RedisScript script(std::string(kLuaPrelude) + LocalStreamSizeLua() + R"lua(
-- ARGV: namespace, id of an entry. Who resumes from before it is told to resync.
local size = read_stream_size(ARGV[1])
forget_up_to(ARGV[1], size, ARGV[2])
keep_stream_size(ARGV[1], size)
)lua");
  return script;
}

const RedisScript &ForgetHealedScript() {
  static const RedisScript script(R"lua(
-- KEYS: what was healed; ARGV: ids of entries. In their place comes one that names nothing: live clients load anew.
local applied
for i = 1, #ARGV do
  local entry = redis.call('XRANGE', KEYS[1], ARGV[i], ARGV[i])[1]
  if entry then applied = entry[2][2] end
  redis.call('XDEL', KEYS[1], ARGV[i])
end
if applied then redis.call('XADD', KEYS[1], '*', 'p', applied) end
)lua");
  return script;
}

std::optional<std::string> RunningEpoch(RedisConnection &global, const std::string &prefix) {
  const Reply epoch = global.Command({"GET", GlobalKeys(prefix).Epoch()});
  return epoch.IsNil() ? std::nullopt : std::optional<std::string>(epoch.Text());
}

/// The lowest place that a reader of the global stream stands at; nothing without readers.
std::optional<Version> LowestReader(RedisConnection &global, const std::string &prefix, const std::string &epoch) {
  const Reply time = global.Command({"TIME"});
  const std::uint64_t now = ParseUint64(time[0].Text()).value_or(0) * 1000;
  std::optional<Version> lowest;
  const GlobalKeys keys(prefix);
  for (const std::string &key : {keys.Clusters(epoch), keys.Groups(epoch)}) {
    const Reply readers = global.Command({"HGETALL", key});
    for (std::size_t i = 0; i + 1 < readers.size(); i += 2) {
      const auto report = ParseConsumerReport(readers[i + 1].Text());
      if (!report || report->SilentFor(kReaderSilence, now)) continue;
      if (!lowest || report->position < *lowest) lowest = report->position;
    }
  }
  return lowest;
}

class Check {
public:
  Check(const Options &options, const StopToken &stop)
      : options_(options), stop_(stop), item_{options.erasure.type, *CanonicalKeyText(options.erasure.key)},
        database_(options.database, {}, stop), hops_(OpenHops(options)) {}

  int Run() {
    CheckExtension(database_);
    const bool row_gone = CheckRow();
    // Whatever was committed before this moment is behind us once the stream is here.
    const PostgresResult flushed = database_.Query("SELECT pg_catalog.pg_current_wal_flush_lsn()");
    passed_ = ParsePgLsn(flushed.Text(0, 0)).value_or(0);
    if (options_.erasure.scrub && row_gone) Scrub();
    bool clean = row_gone;
    if (!StreamHasPassed()) {
      std::cout << "global Redis: the stream has not reached " << FormatPgLsn(passed_)
                << " yet, the end of the write-ahead log just now: what is to come is not known\n";
      clean = false;
    }
    for (const Hop &hop : hops_)
      clean = Report(hop, FindTraces(*hop.redis, options_.prefix, item_)) && clean;
    ReportSlot();
    std::cout << (clean ? "nothing is left of " : "something is left of ") << item_.type << ' ' << item_.key << '\n';
    return clean ? EXIT_SUCCESS : kExitFound;
  }

private:
  bool CheckRow() {
    const PostgresResult row = database_.Query("SELECT item IS NULL FROM itemize.fetch($1, ARRAY[$2::pg_catalog.text])",
                                               {item_.type, item_.key});
    const bool gone = row.rows() == 1 && row.Text(0, 0) == "t";
    std::cout << "database: " << (gone ? "no such row" : "THE ROW IS THERE; itemize.erase deletes it") << '\n';
    return gone;
  }

  RedisConnection &global() { return *hops_.front().redis; }

  bool StreamHasPassed() {
    const auto epoch = RunningEpoch(global(), options_.prefix);
    if (!epoch) return true; // no stream: nothing is to come
    const Reply last =
        global().Command({"XREVRANGE", GlobalKeys(options_.prefix).Stream(*epoch), "+", "-", "COUNT", "1"});
    const auto version = last.size() == 0 ? std::nullopt : ParseVersion(last[0][0].Text());
    return version && version->commit_lsn >= passed_;
  }

  void Scrub() {
    const auto deadline = std::chrono::steady_clock::now() + kScrubTime;
    while (true) {
      bool left = !StreamHasPassed();
      for (const Hop &hop : hops_) {
        const Traces traces = FindTraces(*hop.redis, options_.prefix, item_);
        for (const std::string &key : traces.keys)
          hop.redis->Command({"UNLINK", key});
        for (const Traces::Healed &healed : traces.healed)
          ForgetHealedScript().Run(*hop.redis, {healed.name}, {healed.ids.begin(), healed.ids.end()});
        for (const Traces::Stream &stream : traces.streams)
          left = !Trim(hop, stream) || left;
      }
      if (!left || std::chrono::steady_clock::now() > deadline) return;
      if (stop_.WaitFor(kScrubInterval)) throw Stopped();
    }
  }

  /// Readers prove by the entry that they have read last that they missed nothing: one behind the item must stay, and
  /// every reader must have reached it.
  bool Trim(const Hop &hop, const Traces::Stream &stream) {
    const auto epoch = RunningEpoch(global(), options_.prefix);
    if (epoch && stream.name == GlobalKeys(options_.prefix).Stream(*epoch)) {
      if (!stream.next) return false;
      const auto lowest = LowestReader(global(), options_.prefix, *epoch);
      if (lowest && *lowest < *stream.next) return false;
    } else if (!stream.next) {
      const Reply state = hop.redis->Command({"HGET", LocalStateKey(options_.prefix), LocalField::kNamespace});
      const bool running = !state.IsNil() && stream.name == LocalNamespace(std::string(state.Text())).Stream();
      if (running) return false;
      hop.redis->Command({"UNLINK", stream.name}); // of an epoch, or a copy, that is over
      return true;
    }
    constexpr std::string_view kLocal = LocalNamespace::kStream;
    const std::size_t head = stream.name.size() - std::min(stream.name.size(), kLocal.size());
    if (stream.name.compare(head, std::string::npos, kLocal) == 0) {
      ForgetScript().Run(*hop.redis, {}, {stream.name.substr(0, head), FormatVersion(stream.last)});
    } else {
      hop.redis->Command({"XTRIM", stream.name, "MINID", "=", FormatVersion(*stream.next)});
    }
    return true;
  }

  static bool Report(const Hop &hop, const Traces &traces) {
    const std::string head = std::string(hop.name) + ' ' + hop.place + ": ";
    for (const std::string &key : traces.keys)
      std::cout << head << "key " << key << '\n';
    for (const Traces::Stream &stream : traces.streams) {
      std::cout << head << "stream " << stream.name << ": " << stream.entries << " entries up to "
                << FormatVersion(stream.last) << '\n';
    }
    for (const Traces::Healed &healed : traces.healed)
      std::cout << head << "stream " << healed.name << ": " << healed.ids.size() << " entries\n";
    if (traces.empty()) std::cout << head << "nothing\n";
    return traces.empty();
  }

  void ReportSlot() {
    const PostgresResult slot = database_.Query(
        "SELECT restart_lsn, confirmed_flush_lsn FROM pg_catalog.pg_replication_slots WHERE slot_name = $1",
        {options_.slot});
    if (slot.rows() == 0) {
      std::cout << "slot " << options_.slot << ": not there\n";
      return;
    }
    const Lsn confirmed = ParsePgLsn(slot.Text(0, 1)).value_or(0);
    std::cout << "slot " << options_.slot << ": confirmed to " << slot.Text(0, 1)
              << (confirmed >= passed_ ? ", will not send it again" : ", may send what came after that again")
              << "; holds write-ahead log from " << slot.Text(0, 0) << " on\n";
  }

  const Options &options_;
  StopToken stop_;
  ItemName item_;
  PostgresConnection database_;
  std::vector<Hop> hops_;
  Lsn passed_ = 0;
};

} // namespace

int CheckErasure(const Options &options, Services & /*services*/, const StopToken &stop) {
  return Check(options, stop).Run();
}

} // namespace itemize::sidecar
