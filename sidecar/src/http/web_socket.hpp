// A connection that has become a WebSocket (RFC 6455): many subscriptions, begun and ended by messages.
//
// What a message asks for is asked of the routes as a request over HTTP would be, so that access, limits and errors are
// the same. Messages are taken one after another: who does not read its answers is not read from. Subscriptions take
// turns, an event each: what waits for its turn waits where it can be conflated and is shared with other clients.
#pragma once

#include "http/reply.hpp"
#include "http/request_framer.hpp"
#include "http/socket_messages.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace itemize::sidecar::http {

class Server;

/// Most subscriptions of one WebSocket, and the most bytes of the messages that began them.
inline constexpr std::size_t kMaxSocketSubscriptions = 100;
inline constexpr std::size_t kMaxSocketSubscriptionBytes = kMaxSocketMessageBytes;

/// All members run on the loop's thread.
class WebSocket : public std::enable_shared_from_this<WebSocket> {
public:
  using Socket = boost::asio::ip::tcp::socket;
  using Clock = std::chrono::steady_clock;

  WebSocket(Server &server, Socket socket);
  ~WebSocket();
  WebSocket(const WebSocket &) = delete;
  WebSocket &operator=(const WebSocket &) = delete;

  /// Answers the request for a WebSocket, and begins.
  void Start(const FramedRequest &request);
  /// The server stops: ends when its subscriptions have.
  void Drain();
  /// Ends at once.
  void Close();

private:
  /// Where one subscription's events go.
  class Part;
  /// A message that waits for its answer, and the request that it has become.
  struct Question {
    SocketRequest message;
    FramedRequest request;
    std::size_t bytes = 0;
  };
  /// What is sent next of something: a text, or one event of a part.
  struct Turn {
    std::string text;
    std::function<void()> then;
    Part *part = nullptr;
  };
  struct Subscription {
    std::weak_ptr<live::Subscriber> subscriber;
    std::size_t bytes = 0;
  };

  void Read();
  void OnRead(const boost::system::error_code &error);
  void Act(SocketRequest message, std::size_t bytes);
  void Subscribe(SocketRequest message, std::size_t bytes);
  void Unsubscribe(const SocketRequest &message);
  /// Has a worker answer it. `start`: of the message, also when it is the second time.
  void Ask(const std::shared_ptr<Question> &question, Clock::time_point start);
  void OnReply(const Question &question, Reply reply);
  /// Answers the message that was read last; the next one is read when the client has the answer.
  void Answer(std::string text);
  void Refuse(std::string_view id, const Problem &problem);
  void Queue(Turn turn);
  void WriteNext();
  void OnWritten();
  /// Sees to it that a client which takes nothing is given up.
  void ArmDeadline();
  void OnPartClosed(const Part &part);
  void Remove(std::map<std::string, Subscription>::iterator subscription);
  void EndIfDrained();

  Server &server_;
  boost::beast::websocket::stream<Socket, false> stream_;
  boost::beast::flat_buffer input_;
  std::deque<Turn> output_;
  /// What is being sent.
  Turn current_;
  Clock::time_point write_started_;
  boost::asio::steady_timer deadline_;
  bool deadline_armed_ = false;
  /// As FramedRequest has it.
  std::string address_;
  /// Fields Authorization for what is asked.
  std::vector<HeaderField> credentials_;
  std::map<std::string, Subscription> subscriptions_;
  std::size_t subscription_bytes_ = 0;
  bool open_ = false;
  bool writing_ = false;
  bool ending_ = false;
  bool draining_ = false;
  bool closed_ = false;
};

/// Whether the client asks for the connection to become a WebSocket (RFC 6455 section 4.2.1).
[[nodiscard]] bool WantsWebSocket(const RequestHead &head);

} // namespace itemize::sidecar::http
