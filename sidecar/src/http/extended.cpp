#include "http/extended.hpp"

#include "base/errors.hpp"
#include "http/kept_items.hpp"
#include "http/routes.hpp"
#include "http/server.hpp"
#include "live/feed.hpp"
#include "postgres/refusals.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <thread>
#include <vector>

namespace itemize::sidecar {

namespace asio = boost::asio;

namespace {

/// How long clients may take to get their last answer.
constexpr std::chrono::milliseconds kDrainBound{2500};
/// How old what /readyz says may be.
constexpr std::chrono::milliseconds kProbeInterval{1000};
/// Until the copy is there for the first time, so that "ready" is said when it is.
constexpr std::chrono::milliseconds kFirstProbeInterval{50};
/// How long the start waits for a database that does not answer.
constexpr std::chrono::milliseconds kCheckTimeout{1000};
constexpr std::size_t kFewestWorkers = 4;
constexpr std::size_t kMostWorkers = 32;
constexpr const char *kPart = "extended";

/// Requests wait for Redis and the database, so there are more workers than processors.
std::size_t WorkerCount() {
  return std::clamp<std::size_t>(std::size_t{4} * std::thread::hardware_concurrency(), kFewestWorkers, kMostWorkers);
}

/// Ten thousand connections need as many descriptors; the soft limit is often 1024.
void RaiseDescriptorLimit(Logger &log, std::size_t connections) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < connections) {
    log.Warning("few_file_descriptors", {{"limit", limit.rlim_cur}, {"connections", connections}});
  }
}

http::ServerOptions ServerOptionsOf(const Options &options) {
  http::ServerOptions server;
  server.address = options.listen_address;
  server.port = options.listen_port;
  server.max_connections = options.max_connections;
  return server;
}

live::HubOptions HubOptionsOf(const Options &options) {
  live::HubOptions hub;
  hub.buffer_bytes = options.live_buffer;
  return hub;
}

} // namespace

class Extended::Parts {
public:
  Parts(const Options &options, Services &services)
      : options_(options), services_(services), backends_(options, services, backend_stop_.token()),
        server_options_(ServerOptionsOf(options)), server_(loop_, server_options_, services),
        hub_(loop_, HubOptionsOf(options), services), inquiries_(callers_, backends_), feed_(hub_, callers_, backends_),
        rooms_(backends_), limits_(http::ClientLimitOptionsOf(options), services.metrics),
        keys_(http::KeySourceOptionsOf(options), services.log, services.metrics),
        authentication_(
            keys_, http::VerifierOptionsOf(options), services.metrics, callers_,
            [this](const auto &inquiry, auto wake) { inquiries_.Add(inquiry, std::move(wake)); }, limits_),
        kept_(loop_, backends_),
        descriptions_(backends_), routes_{backends_, hub_, rooms_, authentication_, descriptions_, facts_, limits_},
        workers_(WorkerCount(), [this] { return MakeExchange(); }) {
    services_.readiness.Register(kPart);
  }

  void Run(const StopToken &stop) {
    if (!options_.RunsGlobal()) CheckDatabase(stop); // else that part does
    if (rooms_.writes.on()) CheckWriteDatabase(stop);
    RaiseDescriptorLimit(services_.log, server_options_.max_connections);
    server_.Limit(limits_);
    server_.Start(
        workers_, [this](auto sink, auto subscriber) { hub_.Adopt(std::move(sink), std::move(subscriber)); },
        [this] { return hub_.connected(); },
        [this](const auto &request, const auto &answered) { return kept_.Take(request, answered); });
    hub_.Start([this](const identity::Identity &caller) { return callers_.Ends(caller); });
    const auto endpoint = server_.endpoint();
    services_.log.Info("http_listening", {{"address", endpoint.address().to_string()}, {"port", endpoint.port()}});

    std::thread feed([this] { Guarded("live_feed", [this] { feed_.Run(backend_stop_.token()); }); });
    std::thread probe([this] { Guarded("probe", [this] { Probe(); }); });
    std::vector<std::thread> waiting;
    waiting.emplace_back([this] { Guarded("token_keys", [this] { keys_.Run(backend_stop_.token()); }); });
    waiting.emplace_back(
        [this] { Guarded("position_watch", [this] { rooms_.positions.Run(backend_stop_.token()); }); });
    waiting.emplace_back([this] { Guarded("inquiries", [this] { inquiries_.Run(backend_stop_.token()); }); });
    waiting.emplace_back([this] { Guarded("kept_items", [this] { kept_.Run(backend_stop_.token()); }); });
    for (std::size_t i = 0; i < read::FillQueue::kThreads; ++i)
      waiting.emplace_back([this] { Guarded("fill_queue", [this] { rooms_.fills.Run(backend_stop_.token()); }); });
    for (std::uint64_t i = 0; i < options_.search_connections; ++i)
      waiting.emplace_back([this] { Guarded("search_queue", [this] { rooms_.searches.Run(backend_stop_.token()); }); });
    for (std::uint64_t i = 0; rooms_.writes.on() && i < options_.write_connections; ++i)
      waiting.emplace_back([this] { Guarded("write_queue", [this] { rooms_.writes.Run(backend_stop_.token()); }); });
    asio::posix::stream_descriptor stop_signal(loop_, dup(stop.fd()));
    asio::steady_timer bound(loop_);
    stop_signal.async_wait(asio::posix::stream_descriptor::wait_read, [&](const boost::system::error_code &error) {
      if (!error) Drain(bound);
    });
    RunLoop();

    backend_stop_.RequestStop();
    workers_.Stop();
    feed.join();
    probe.join();
    for (std::thread &thread : waiting)
      thread.join();
    rooms_.positions.Clear();
    rooms_.fills.Clear();
    rooms_.searches.Clear();
    rooms_.writes.Clear();
    keys_.Clear();
    inquiries_.Clear();
    kept_.Clear();
    // Answers made after the loop had ended, and the ends of their connections.
    server_.CloseAll();
    hub_.CloseAll();
    stop_signal.close();
    bound.cancel();
    loop_.restart();
    loop_.poll();
  }

private:
  /// What waiting does not mend is said at start. A database that is away is no reason not to serve what is held.
  void CheckDatabase(const StopToken &stop) {
    PostgresSettings settings;
    settings.connect_timeout = kCheckTimeout;
    settings.query_timeout = kCheckTimeout;
    try {
      PostgresConnection database(options_.database, settings, stop);
      CheckExtension(database);
    } catch (const PostgresError &error) {
      try {
        ThrowRefusedConnection(error, "--database", "GRANT CONNECT ON DATABASE … TO …;");
      } catch (const PostgresError &) {
        // away: the readers try again, and say so
      }
    }
  }

  /// The same of the database for writes: reads go on without it.
  void CheckWriteDatabase(const StopToken &stop) {
    PostgresSettings settings;
    settings.connect_timeout = kCheckTimeout;
    settings.query_timeout = kCheckTimeout;
    try {
      PostgresConnection database(options_.write_database, settings, stop);
      if (!write::IsHeldByPolicies(database)) throw FatalError(std::string(write::kPrivilegedRole));
      CheckExtension(database);
    } catch (const PostgresError &error) {
      try {
        ThrowRefusedConnection(error, "--write-database", "GRANT CONNECT ON DATABASE … TO …;");
      } catch (const PostgresError &) {
        // away: the writers try again, and say so
      }
    }
  }

  std::unique_ptr<http::Exchange> MakeExchange() {
    auto routes = std::make_shared<http::Routes>(routes_);
    return std::make_unique<http::Exchange>(
        [routes](const http::FramedRequest &request) { return routes->Answer(request); }, options_.static_dir);
  }

  /// One connection's failure (out of memory, say) must not end the others.
  void RunLoop() {
    while (true) {
      try {
        loop_.run();
        return;
      } catch (const std::exception &error) {
        services_.log.Error("event_loop", {{"error", error.what()}});
      }
    }
  }

  template <typename Body>
  void Guarded(const char *name, Body body) {
    while (!backend_stop_.token().stopped()) {
      try {
        body();
        return;
      } catch (const std::exception &error) {
        services_.log.Error("thread_failed", {{"thread", name}, {"error", error.what()}});
        backend_stop_.token().WaitFor(kProbeInterval);
      }
    }
  }

  void Probe() {
    read::ItemReader reader(backends_);
    bool was_ready = false;
    while (!backend_stop_.token().stopped()) {
      reader.Probe();
      const bool ready = !backends_.redis_outage.ongoing() && hub_.standing();
      services_.readiness.Set(kPart, ready);
      was_ready = was_ready || ready;
      backend_stop_.token().WaitFor(was_ready ? kProbeInterval : kFirstProbeInterval);
    }
  }

  void Drain(asio::steady_timer &bound) {
    services_.readiness.Set(kPart, false);
    const auto done = [this] {
      if (--draining_ == 0) loop_.stop();
    };
    draining_ = 2;
    bound.expires_after(kDrainBound);
    bound.async_wait([this](const boost::system::error_code &error) {
      if (!error) loop_.stop();
    });
    rooms_.positions.Drain();
    hub_.Drain(done);
    server_.Drain(done);
  }

  const Options &options_;
  Services &services_;
  asio::io_context loop_{1};
  /// Ends what waits for the database or Redis, once clients have been served.
  StopSource backend_stop_;
  read::ReadBackends backends_;
  const http::ServerOptions server_options_;
  http::Server server_;
  live::Hub hub_;
  admission::Register callers_;
  admission::Inquiries inquiries_;
  live::Feed feed_;
  http::WaitingRooms rooms_;
  http::ClientLimits limits_;
  identity::KeyStore keys_;
  const http::Authentication authentication_;
  http::KeptItems kept_;
  http::Descriptions descriptions_;
  live::FactsCache facts_{services_.log};
  http::RouteContext routes_;
  http::WorkerPool workers_;
  int draining_ = 0;
};

Extended::Extended(const Options &options, Services &services) : parts_(std::make_unique<Parts>(options, services)) {}

Extended::~Extended() = default;

void Extended::Run(const StopToken &stop) { parts_->Run(stop); }

} // namespace itemize::sidecar
