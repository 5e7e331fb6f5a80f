#include "http/server.hpp"

#include "base/errors.hpp"

#include <boost/asio/ip/address.hpp>

#include <utility>
#include <vector>

namespace itemize::sidecar::http {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

/// Wait after an accept that failed for want of file descriptors or memory.
constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr int kListenBacklog = 1024;

tcp::endpoint ResolveListen(asio::io_context &loop, const ServerOptions &options) {
  error_code error;
  tcp::resolver resolver(loop);
  const auto found = resolver.resolve(options.address, std::to_string(options.port), tcp::resolver::passive, error);
  if (error || found.empty())
    throw ConfigError(std::string(options.option) + ": cannot resolve '" + options.address + "': " + error.message());
  return found.begin()->endpoint();
}

/// Held, so that one which ends does not change what is walked through.
template <typename Part>
std::vector<std::shared_ptr<Part>> Alive(const std::unordered_map<Part *, std::weak_ptr<Part>> &parts) {
  std::vector<std::shared_ptr<Part>> alive;
  alive.reserve(parts.size());
  for (const auto &[pointer, weak] : parts) {
    if (auto part = weak.lock()) alive.push_back(std::move(part));
  }
  return alive;
}

} // namespace

Server::Server(asio::io_context &loop, const ServerOptions &options, Services &services)
    : loop_(loop), options_(options), services_(services), metrics_(services.metrics), acceptor_(loop),
      accept_pause_(loop) {
  const tcp::endpoint endpoint = ResolveListen(loop, options);
  error_code error;
  acceptor_.open(endpoint.protocol(), error);
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(kListenBacklog, error);
  if (error)
    throw ConfigError(std::string(options.option) + ": cannot listen on " + options.address + ':' +
                      std::to_string(options.port) + ": " + error.message());
}

Server::~Server() { CloseAll(); }

void Server::Start(WorkerPool &workers, Adopt adopt, CountAdopted count_adopted, Shortcut shortcut) {
  workers_ = &workers;
  adopt_ = std::move(adopt);
  count_adopted_ = std::move(count_adopted);
  shortcut_ = std::move(shortcut);
  Accept();
}

void Server::Accept() {
  acceptor_.async_accept([this](const error_code &error, Socket socket) { OnAccept(error, std::move(socket)); });
}

void Server::OnAccept(const error_code &error, Socket socket) {
  if (!acceptor_.is_open()) return;
  if (error) {
    if (error == asio::error::operation_aborted) return;
    services_.log.Warning("accept_failed", {{"error", error.message()}});
    accept_pause_.expires_after(kAcceptPause);
    accept_pause_.async_wait([this](const error_code &cancelled) {
      if (!cancelled && acceptor_.is_open()) Accept();
    });
    return;
  }
  error_code ignored;
  socket.non_blocking(true, ignored);
  socket.set_option(tcp::no_delay(true), ignored);
  // What a WebSocket has subscribed to has no socket of its own.
  const std::size_t sockets = connections_.size() + web_sockets_.size() + count_adopted_() - web_socket_subscriptions_;
  const bool full = sockets >= options_.max_connections;
  const auto connection = std::make_shared<Connection>(*this, std::move(socket));
  connections_.emplace(connection.get(), connection);
  if (full) {
    connection->Refuse({ProblemKind::kOverloaded, "too many connections", {}});
  } else {
    connection->Start();
  }
  Accept();
}

void Server::Forget(Connection *connection) {
  connections_.erase(connection);
  EndIfDrained();
}

void Server::Forget(WebSocket *socket) {
  web_sockets_.erase(socket);
  EndIfDrained();
}

void Server::Upgrade(Socket socket, const FramedRequest &request) {
  const auto made = std::make_shared<WebSocket>(*this, std::move(socket));
  web_sockets_.emplace(made.get(), made);
  made->Start(request);
  if (!acceptor_.is_open()) made->Drain();
}

void Server::EndIfDrained() {
  if (connections_.empty() && web_sockets_.empty() && drained_) std::exchange(drained_, nullptr)();
}

void Server::Drain(std::function<void()> done) {
  error_code ignored;
  acceptor_.close(ignored);
  accept_pause_.cancel();
  drained_ = std::move(done);
  for (const auto &connection : Alive(connections_))
    connection->Drain();
  for (const auto &socket : Alive(web_sockets_))
    socket->Drain();
  EndIfDrained();
}

void Server::CloseAll() {
  for (const auto &connection : Alive(connections_))
    connection->Close();
  for (const auto &socket : Alive(web_sockets_))
    socket->Close();
}

} // namespace itemize::sidecar::http
