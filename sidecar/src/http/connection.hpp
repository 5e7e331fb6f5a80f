// One client connection, owned by the event loop: while it is idle or slow it costs a socket and a
// timer, no thread and no buffer.
#pragma once

#include "http/exchange.hpp"
#include "http/request_framer.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <memory>
#include <string>

namespace itemize::sidecar::http {

class Server;

struct ConnectionTimeouts {
  /// From the first byte of a request (on a new connection: from the start) to the end of its head.
  std::chrono::milliseconds head{10000};
  /// From the end of the head to the end of the body.
  std::chrono::milliseconds body{30000};
  /// Between requests.
  std::chrono::milliseconds idle{60000};
  /// Without a byte of an answer taken by the client.
  std::chrono::milliseconds write{30000};
  /// After the last answer, for the client to have read it before what it still sends resets the connection.
  std::chrono::milliseconds linger{1000};
};

/// All members run on the loop's thread.
class Connection : public std::enable_shared_from_this<Connection> {
public:
  using Socket = boost::asio::ip::tcp::socket;
  using Clock = std::chrono::steady_clock;

  Connection(Server &server, Socket socket);
  ~Connection();
  Connection(const Connection &) = delete;
  Connection &operator=(const Connection &) = delete;

  void Start();
  /// Answers with a problem and ends, without reading anything.
  void Refuse(const Problem &problem);
  /// The server stops: ends at once, or with the answer that is being made.
  void Drain();
  /// Ends at once.
  void Close();

private:
  void WaitForBytes();
  void OnReadable(const boost::system::error_code &error);
  /// Acts on how far the framer is.
  void Continue(RequestFramer::State before);
  void SubmitRequest();
  /// Has a worker answer it. `start`: of the request, also when it is the second time.
  void Submit(const std::shared_ptr<FramedRequest> &request, Clock::time_point start);
  void OnAnswer(Answer answer, const FramedRequest &request);
  void Write(std::string bytes, bool keep_alive);
  void WriteSome();
  void OnWritten();
  void Linger();
  void LingerRead();
  void ArmDeadline(std::chrono::milliseconds after);
  void OnDeadline();

  enum class Phase { kReading, kAnswering, kWriting, kLingering, kClosed };

  Server &server_;
  Socket socket_;
  boost::asio::steady_timer deadline_;
  RequestFramer framer_;
  std::string output_;
  std::size_t written_ = 0;
  std::size_t lingered_bytes_ = 0;
  Phase phase_ = Phase::kReading;
  bool keep_alive_ = false;
  bool draining_ = false;
  /// A request has been answered: quiet is then idleness, before it is not.
  bool served_ = false;
};

} // namespace itemize::sidecar::http
