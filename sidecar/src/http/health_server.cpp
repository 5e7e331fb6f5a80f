#include "http/health_server.hpp"

#include "http/health.hpp"
#include "http/server.hpp"
#include "http/target.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <unistd.h>

#include <algorithm>

namespace itemize::sidecar {

namespace asio = boost::asio;

namespace {

/// Enough for every scraper and prober there may be.
constexpr std::size_t kMostConnections = 64;

http::ServerOptions ServerOptionsOf(const Options &options) {
  http::ServerOptions server;
  server.option = "--metrics-listen";
  server.address = options.metrics_address;
  server.port = options.metrics_port;
  server.max_connections = kMostConnections;
  return server;
}

std::optional<http::Reply> Answer(const Services &services, const http::FramedRequest &request) {
  const std::string path = std::string(http::SplitTarget(request.head.target).path);
  const auto named = [](std::string_view route, http::Reply reply) {
    reply.route = route;
    return reply;
  };
  if (request.head.method != "GET" && request.head.method != "HEAD")
    return http::ProblemReply({http::ProblemKind::kMethodNotAllowed, {}, "GET, HEAD"});
  if (path == "/livez") return named("livez", http::MomentReply("text/plain; charset=utf-8", "ok\n"));
  if (path == "/metrics") return named("metrics", http::MetricsReply(services));
  if (path != "/readyz") return http::ProblemReply({http::ProblemKind::kNotFound, {}, {}});
  const auto parts = services.readiness.Snapshot();
  return named("readyz", http::ReadinessReply(services.readiness.AllReady(), {parts.begin(), parts.end()}));
}

} // namespace

class HealthServer::Parts {
public:
  Parts(const Options &options, Services &services)
      : services_(services), server_(loop_, ServerOptionsOf(options), services), workers_(1, [this] {
          return std::make_unique<http::Exchange>(
              [this](const http::FramedRequest &request) { return Answer(services_, request); }, std::string());
        }) {}

  void Run(const StopToken &stop) {
    server_.Start(
        workers_, [](auto, auto) {}, [] { return std::size_t{0}; });
    const auto endpoint = server_.endpoint();
    services_.log.Info("metrics_listening", {{"address", endpoint.address().to_string()}, {"port", endpoint.port()}});
    asio::posix::stream_descriptor stop_signal(loop_, dup(stop.fd()));
    stop_signal.async_wait(asio::posix::stream_descriptor::wait_read, [this](const boost::system::error_code &error) {
      if (!error) loop_.stop();
    });
    while (true) {
      try {
        loop_.run();
        break;
      } catch (const std::exception &error) {
        services_.log.Error("event_loop", {{"error", error.what()}});
      }
    }
    workers_.Stop();
    server_.CloseAll();
    stop_signal.close();
    loop_.restart();
    loop_.poll();
  }

private:
  Services &services_;
  asio::io_context loop_{1};
  http::Server server_;
  http::WorkerPool workers_;
};

HealthServer::HealthServer(const Options &options, Services &services)
    : parts_(std::make_unique<Parts>(options, services)) {}

HealthServer::~HealthServer() = default;

void HealthServer::Run(const StopToken &stop) { parts_->Run(stop); }

} // namespace itemize::sidecar
