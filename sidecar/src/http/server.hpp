// The one port: accepts, holds every connection on an event loop, and hands whole requests to workers.
#pragma once

#include "base/services.hpp"
#include "http/client_limits.hpp"
#include "http/connection.hpp"
#include "http/http_metrics.hpp"
#include "http/web_socket.hpp"
#include "http/worker_pool.hpp"
#include "live/sink.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <array>
#include <functional>
#include <string>
#include <unordered_map>

namespace itemize::sidecar::http {

struct ServerOptions {
  /// The option that names address and port, for errors.
  const char *option = "--listen";
  /// An address or a name that resolves to one.
  std::string address = "127.0.0.1";
  /// 0 takes a free one.
  std::uint16_t port = 8080;
  /// Connections at once, live streams included; further ones are answered 503.
  std::size_t max_connections = 10000;
  FramingLimits limits;
  ConnectionTimeouts timeouts;
};

/// But for the constructor all members run on the loop's thread.
class Server {
public:
  using Socket = boost::asio::ip::tcp::socket;
  /// Begins to send a live client its events.
  using Adopt = std::function<void(std::unique_ptr<live::Sink>, std::shared_ptr<live::Subscriber>)>;
  /// Takes a request that needs no worker: true, and calls back on the loop's thread, with nothing when a worker is
  /// needed after all.
  using Answered = std::function<void(std::optional<Answer>)>;
  using Shortcut = std::function<bool(const std::shared_ptr<FramedRequest> &, const Answered &)>;
  /// Number of live clients.
  using CountAdopted = std::function<std::size_t()>;

  /// Binds and listens, so that wrong addresses are found at start: throws ConfigError. Accepting
  /// begins with Start.
  Server(boost::asio::io_context &loop, const ServerOptions &options, Services &services);
  ~Server();
  Server(const Server &) = delete;
  Server &operator=(const Server &) = delete;

  /// The address that is listened on.
  [[nodiscard]] boost::asio::ip::tcp::endpoint endpoint() const { return acceptor_.local_endpoint(); }

  /// `workers` must outlive this object's use on the loop.
  void Start(WorkerPool &workers, Adopt adopt, CountAdopted count_adopted, Shortcut shortcut = {});
  /// Before Start: requests are held against these, which must outlive this object's use on the loop.
  void Limit(ClientLimits &limits) { limits_ = &limits; }
  /// No new connections, idle ones end, answers begun are finished. `done` is called when none is left.
  void Drain(std::function<void()> done);
  /// Ends every connection now.
  void CloseAll();

private:
  friend class Connection;
  friend class WebSocket;

  void Accept();
  void OnAccept(const boost::system::error_code &error, Socket socket);
  void Forget(Connection *connection);
  void Forget(WebSocket *socket);
  /// Has a worker make what `make(Exchange &)` gives, an Answer or a Reply, for `request`, which came at `start`.
  /// `take(owner, made)` gets it on the loop's thread, where the last reference to the owner falls; when the request
  /// was parked, `again(owner)` is called there instead, once it is to be asked anew. False: too many wait for a
  /// worker.
  template <typename Owner, typename Make, typename Again, typename Take>
  [[nodiscard]] bool Ask(std::shared_ptr<Owner> owner, const std::shared_ptr<FramedRequest> &request,
                         Connection::Clock::time_point start, Make make, Again again, Take take);
  /// Makes a WebSocket of it, for the request.
  void Upgrade(Socket socket, const FramedRequest &request);
  void EndIfDrained();

  boost::asio::io_context &loop_;
  ServerOptions options_;
  Services &services_;
  HttpMetrics metrics_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer accept_pause_;
  WorkerPool *workers_ = nullptr;
  Adopt adopt_;
  CountAdopted count_adopted_;
  Shortcut shortcut_;
  ClientLimits *limits_ = nullptr;
  std::function<void()> drained_;
  std::unordered_map<Connection *, std::weak_ptr<Connection>> connections_;
  std::unordered_map<WebSocket *, std::weak_ptr<WebSocket>> web_sockets_;
  std::size_t web_socket_subscriptions_ = 0;
  /// What any connection reads into: they share the loop's thread.
  std::array<char, std::size_t{64} * 1024> read_buffer_{};
};

template <typename Owner, typename Make, typename Again, typename Take>
bool Server::Ask(std::shared_ptr<Owner> owner, const std::shared_ptr<FramedRequest> &request,
                 Connection::Clock::time_point start, Make make, Again again, Take take) {
  return workers_->Submit(
      [this, owner = std::move(owner), request, start, make, again, take](Exchange &exchange) mutable {
        auto made = make(exchange);
        if (made.park) {
          // From here it waits without a worker, until somebody has it asked again.
          if (made.inquiry)
            request->inquiry = std::move(made.inquiry);
          else
            (made.awaits_keys ? request->awaited_keys : request->parked) = true;
          if (made.search) request->search = std::move(made.search);
          if (made.write) request->write = std::move(made.write);
          const auto parked = std::make_shared<std::shared_ptr<Owner>>(std::move(owner));
          made.park([&loop = loop_, parked, again] {
            boost::asio::post(loop, [owner = std::move(*parked), again] { again(*owner); });
          });
          return;
        }
        metrics_.Answered(made.route, made.status, start);
        boost::asio::post(loop_, [owner = std::move(owner), made = std::move(made), take]() mutable {
          take(*owner, std::move(made));
        });
      });
}

} // namespace itemize::sidecar::http
