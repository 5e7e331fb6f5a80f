#include "http/connection.hpp"

#include "http/server.hpp"
#include "live/event_stream.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

#include <utility>

namespace itemize::sidecar::http {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

/// What a client may still send after its last answer before it is cut off.
constexpr std::size_t kMaxLingerBytes = std::size_t{1024} * 1024;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

} // namespace

Connection::Connection(Server &server, Socket socket)
    : server_(server), socket_(std::move(socket)), deadline_(server.loop_), framer_(server.options_.limits) {
  server_.metrics_.connections().Increment();
}

Connection::~Connection() {
  server_.metrics_.connections().Decrement();
  server_.Forget(this);
}

void Connection::Start() {
  ArmDeadline(server_.options_.timeouts.head);
  WaitForBytes();
}

void Connection::Refuse(const Problem &problem) {
  server_.metrics_.Answered("none", TextOf(problem.kind).status, 0);
  Write(ProblemResponse(problem), false);
}

void Connection::Drain() {
  draining_ = true;
  if (phase_ == Phase::kReading || phase_ == Phase::kLingering) Close();
}

void Connection::Close() {
  if (phase_ == Phase::kClosed) return;
  phase_ = Phase::kClosed;
  error_code ignored;
  deadline_.cancel();
  socket_.close(ignored);
}

void Connection::WaitForBytes() {
  phase_ = Phase::kReading;
  socket_.async_wait(Socket::wait_read,
                     [self = shared_from_this()](const error_code &error) { self->OnReadable(error); });
}

void Connection::OnReadable(const error_code &error) {
  if (phase_ != Phase::kReading) return;
  if (error) return Close();
  error_code read_error;
  const std::size_t count = socket_.read_some(asio::buffer(server_.read_buffer_), read_error);
  if (read_error == asio::error::would_block) return WaitForBytes();
  if (read_error) return Close(); // end of file included: a request cut off is not answered
  const RequestFramer::State before = framer_.state();
  framer_.Feed(std::string_view(server_.read_buffer_.data(), count));
  Continue(before);
}

void Connection::Continue(RequestFramer::State before) {
  using State = RequestFramer::State;
  const State now = framer_.state();
  if (now == State::kFailed) return Refuse(framer_.problem());
  if (now == State::kComplete) return SubmitRequest();
  // A deadline holds for the whole of a head or body: a byte now and then does not move it.
  if (now != before) {
    if (now == State::kIdle) ArmDeadline(server_.options_.timeouts.idle);
    if (now == State::kHead && served_) ArmDeadline(server_.options_.timeouts.head);
    if (now == State::kBody) ArmDeadline(server_.options_.timeouts.body);
  }
  if (framer_.TakeContinue()) {
    // Twenty-five bytes on a connection with nothing in flight: the socket takes them or is broken.
    error_code write_error;
    socket_.write_some(asio::buffer(kContinue), write_error);
    if (write_error) return Close();
  }
  WaitForBytes();
}

void Connection::SubmitRequest() {
  phase_ = Phase::kAnswering;
  deadline_.cancel();
  const auto request = std::make_shared<FramedRequest>(framer_.Take());
  if (server_.limits_ != nullptr && server_.limits_->UsesAddresses()) {
    error_code gone;
    const auto peer = socket_.remote_endpoint(gone);
    if (gone) return Close();
    request->address = server_.limits_->KeyOf(peer.address(), request->head);
    // An orchestrator asks for health from an address of its own, or from that of all.
    const bool health = request->head.target == "/livez" || request->head.target == "/readyz";
    const int wait = health ? 0 : server_.limits_->TakeOfAddress(request->address);
    if (wait > 0) return Refuse(TooManyRequests("too many requests come from this address", wait));
  }
  const auto start = Clock::now();
  if (server_.shortcut_ && !draining_ && request->head.keep_alive) {
    const auto answered = [self = shared_from_this(), request, start](std::optional<Answer> answer) {
      if (self->phase_ != Phase::kAnswering) return;
      if (!answer) return self->Submit(request, start);
      self->server_.metrics_.Answered(answer->route, answer->status, start);
      self->OnAnswer(std::move(*answer), *request);
    };
    if (server_.shortcut_(request, answered)) return;
  }
  Submit(request, start);
}

void Connection::Submit(const std::shared_ptr<FramedRequest> &request, Clock::time_point start) {
  const bool close = draining_;
  const bool accepted = server_.Ask(
      shared_from_this(), request, start,
      [request, close](Exchange &exchange) { return exchange.Handle(*request, close); },
      [request, start](Connection &self) {
        if (self.phase_ == Phase::kAnswering) self.Submit(request, start);
      },
      [request](Connection &self, Answer answer) { self.OnAnswer(std::move(answer), *request); });
  if (accepted) return;
  Refuse(request->write ? Problem{ProblemKind::kOutcomeUnknown, "it may be written; too many wait for their answer", {}}
                        : Problem{ProblemKind::kOverloaded, "too many requests wait for an answer", {}});
}

void Connection::OnAnswer(Answer answer, const FramedRequest &request) {
  if (phase_ != Phase::kAnswering) return;
  if (answer.live) {
    phase_ = Phase::kClosed;
    server_.adopt_(live::MakeEventStream(std::move(socket_)), std::move(answer.live));
    return;
  }
  if (answer.web_socket) {
    if (framer_.state() != RequestFramer::State::kIdle)
      return Refuse(BadRequest("nothing may be sent to a WebSocket before it has been accepted"));
    phase_ = Phase::kClosed;
    return server_.Upgrade(std::move(socket_), request);
  }
  served_ = true;
  Write(std::move(answer.bytes), answer.keep_alive && !draining_);
}

void Connection::Write(std::string bytes, bool keep_alive) {
  phase_ = Phase::kWriting;
  keep_alive_ = keep_alive;
  output_ = std::move(bytes);
  written_ = 0;
  WriteSome();
}

void Connection::WriteSome() {
  // Most answers fit the socket's buffer: one system call, no wait.
  while (written_ < output_.size()) {
    error_code error;
    written_ += socket_.write_some(asio::buffer(output_.data() + written_, output_.size() - written_), error);
    if (error == asio::error::would_block) {
      ArmDeadline(server_.options_.timeouts.write);
      socket_.async_wait(Socket::wait_write, [self = shared_from_this()](const error_code &wait_error) {
        if (self->phase_ != Phase::kWriting) return;
        if (wait_error) return self->Close();
        self->WriteSome();
      });
      return;
    }
    if (error) return Close();
  }
  OnWritten();
}

void Connection::OnWritten() {
  output_ = {};
  if (!keep_alive_ || draining_) return Linger();
  // A pipelined request may be here already. Going through the loop keeps a client that sends a
  // thousand of them from holding it.
  phase_ = Phase::kReading;
  if (framer_.state() == RequestFramer::State::kIdle) {
    ArmDeadline(server_.options_.timeouts.idle);
    return WaitForBytes();
  }
  ArmDeadline(server_.options_.timeouts.head);
  asio::post(server_.loop_, [self = shared_from_this()] {
    if (self->phase_ == Phase::kReading) self->Continue(RequestFramer::State::kIdle);
  });
}

void Connection::Linger() {
  // Closing with unread bytes resets the connection, and the client may lose the answer: RFC 9112
  // section 9.6.
  phase_ = Phase::kLingering;
  error_code error;
  socket_.shutdown(Socket::shutdown_send, error);
  if (error || draining_) return Close();
  ArmDeadline(server_.options_.timeouts.linger);
  LingerRead();
}

void Connection::LingerRead() {
  socket_.async_wait(Socket::wait_read, [self = shared_from_this()](const error_code &error) {
    if (self->phase_ != Phase::kLingering) return;
    if (error) return self->Close();
    error_code read_error;
    self->lingered_bytes_ += self->socket_.read_some(asio::buffer(self->server_.read_buffer_), read_error);
    if ((read_error && read_error != asio::error::would_block) || self->lingered_bytes_ > kMaxLingerBytes)
      return self->Close();
    self->LingerRead();
  });
}

void Connection::ArmDeadline(std::chrono::milliseconds after) {
  deadline_.expires_after(after);
  // The timer holds the connection weakly: one that is gone needs no deadline.
  deadline_.async_wait([weak = weak_from_this()](const error_code &error) {
    if (error) return;
    if (const auto self = weak.lock()) self->OnDeadline();
  });
}

void Connection::OnDeadline() {
  // A deadline moved while its handler was already queued.
  if (deadline_.expiry() > std::chrono::steady_clock::now()) return;
  const RequestFramer::State state = framer_.state();
  if (phase_ == Phase::kReading && state != RequestFramer::State::kIdle) {
    return Refuse({ProblemKind::kRequestTimeout, "the request did not arrive in time", {}});
  }
  if (phase_ != Phase::kAnswering) Close();
}

} // namespace itemize::sidecar::http
