#include "http/web_socket.hpp"

#include "http/server.hpp"
#include "live/event_stream.hpp"
#include "live/subscriber.hpp"

#include <boost/asio/post.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/websocket/rfc6455.hpp>

#include <algorithm>
#include <utility>

namespace itemize::sidecar::http {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using boost::system::error_code;

namespace {

constexpr std::chrono::seconds kHandshakeTimeout{10};
/// A client is asked for a sign of life (a ping, which libraries answer) after half of it, and given up after it.
constexpr std::chrono::seconds kIdleTimeout{60};
/// Without a client's having taken what is sent, as of a live stream.
constexpr std::chrono::seconds kWriteTimeout{30};
/// What of the buffer for messages is kept while none comes.
constexpr std::size_t kKeptInputBytes = 4096;

beast::http::request<beast::http::empty_body> RequestOf(const RequestHead &head) {
  constexpr unsigned kHttp11 = 11;
  constexpr unsigned kHttp10 = 10;
  beast::http::request<beast::http::empty_body> request;
  request.version(head.http_1_0 ? kHttp10 : kHttp11);
  request.method_string(head.method);
  request.target(head.target);
  for (const HeaderField &field : head.fields)
    request.insert(field.name, field.value);
  return request;
}

} // namespace

bool WantsWebSocket(const RequestHead &head) {
  const auto upgrade = head.Find("Upgrade");
  return upgrade && EqualsIgnoringCase(TrimBlanks(*upgrade), "websocket");
}

/// Closed before it is destroyed, as a subscriber does: until then the socket may hold a pointer to it.
class WebSocket::Part final : public live::Sink {
public:
  Part(const std::shared_ptr<WebSocket> &socket, std::string id) : socket_(socket), id_(std::move(id)) {}

  [[nodiscard]] const std::string &id() const { return id_; }

  void WatchForEnd(std::function<void()>) override {} // the socket ends its subscriptions itself

  void Send(const std::vector<live::SharedEvent> &events, std::function<void(bool)> done) override {
    const auto socket = socket_.lock();
    if (!socket) return;
    if (events.empty()) return asio::post(socket->stream_.get_executor(), [done = std::move(done)] { done(true); });
    events_ = &events;
    next_ = 0;
    done_ = std::move(done);
    socket->Queue({{}, nullptr, this});
  }

  [[nodiscard]] std::string NextText() { return SocketEvent(id_, (*events_)[next_++]->text); }

  /// The text has been sent. True: there is another one.
  [[nodiscard]] bool OnWritten() {
    if (next_ < events_->size()) return true;
    events_ = nullptr;
    std::exchange(done_, nullptr)(true);
    return false;
  }

  void Close() override {
    if (const auto socket = std::exchange(socket_, {}).lock()) socket->OnPartClosed(*this);
    done_ = nullptr;
  }

  [[nodiscard]] bool StalledFor(std::chrono::milliseconds) const override { return false; }

private:
  std::weak_ptr<WebSocket> socket_;
  const std::string id_;
  const std::vector<live::SharedEvent> *events_ = nullptr;
  std::size_t next_ = 0;
  std::function<void(bool)> done_;
};

WebSocket::WebSocket(Server &server, Socket socket)
    : server_(server), stream_(std::move(socket)), input_(kMaxSocketMessageBytes), deadline_(server.loop_) {
  live::BoundKernelBuffer(stream_.next_layer());
  stream_.set_option(websocket::stream_base::timeout{kHandshakeTimeout, kIdleTimeout, true});
  stream_.read_message_max(kMaxSocketMessageBytes);
  stream_.text(true);
  stream_.auto_fragment(false); // a frame a message: it is in memory as a whole anyway
  server_.metrics_.web_sockets().Increment();
}

WebSocket::~WebSocket() {
  server_.metrics_.web_sockets().Decrement();
  server_.Forget(this);
}

void WebSocket::Start(const FramedRequest &request) {
  const RequestHead &head = request.head;
  address_ = request.address;
  for (const HeaderField &field : head.fields) {
    if (EqualsIgnoringCase(field.name, "Authorization")) credentials_.push_back(field);
  }
  // The request is looked at before the call returns.
  stream_.async_accept(RequestOf(head), [self = shared_from_this()](const error_code &error) {
    if (error || self->closed_) return self->Close(); // the client has been told why
    self->open_ = true;
    self->Read();
    self->EndIfDrained();
  });
}

void WebSocket::Drain() {
  draining_ = true;
  EndIfDrained();
}

void WebSocket::Close() {
  if (closed_) return;
  closed_ = true;
  error_code ignored;
  stream_.next_layer().close(ignored);
  deadline_.cancel();
  output_.clear();
  server_.web_socket_subscriptions_ -= subscriptions_.size();
  for (const auto &[id, subscription] : std::exchange(subscriptions_, {})) {
    if (const auto subscriber = subscription.subscriber.lock()) subscriber->Close();
  }
}

void WebSocket::Read() {
  if (closed_) return;
  input_.clear();
  if (input_.capacity() > kKeptInputBytes) input_.shrink_to_fit();
  stream_.async_read(input_,
                     [self = shared_from_this()](const error_code &error, std::size_t) { self->OnRead(error); });
}

void WebSocket::OnRead(const error_code &error) {
  if (error || closed_) return Close();
  const auto data = input_.cdata();
  const std::string_view text(static_cast<const char *>(data.data()), data.size());
  if (!stream_.got_text()) return Refuse("null", BadRequest("a binary message: only text is understood"));
  auto message = ParseSocketRequest(text);
  if (const auto *refusal = std::get_if<SocketRefusal>(&message)) return Refuse(refusal->id, refusal->problem);
  Act(std::get<SocketRequest>(std::move(message)), text.size());
}

void WebSocket::Act(SocketRequest message, std::size_t bytes) {
  switch (message.kind) {
  case SocketRequest::Kind::kPing: return Answer(SocketDone(message.id));
  case SocketRequest::Kind::kUnsubscribe: return Unsubscribe(message);
  case SocketRequest::Kind::kSubscribe:
  case SocketRequest::Kind::kAuthenticate: break;
  }
  if (const int wait = server_.limits_ != nullptr ? server_.limits_->TakeOfAddress(address_) : 0; wait > 0)
    return Refuse(message.id, TooManyRequests("too many requests come from this address", wait));
  if (message.kind == SocketRequest::Kind::kSubscribe) return Subscribe(std::move(message), bytes);
  const auto question = std::make_shared<Question>();
  question->request.head.method = "GET";
  question->request.address = address_;
  question->request.head.target = message.target;
  if (!message.token.empty()) question->request.head.fields.push_back({"Authorization", "Bearer " + message.token});
  question->message = std::move(message);
  Ask(question, Clock::now());
}

void WebSocket::Subscribe(SocketRequest message, std::size_t bytes) {
  if (subscriptions_.count(message.id) > 0)
    return Refuse(message.id, BadRequest("a subscription has this id already; end it first, or take another id"));
  if (subscriptions_.size() >= kMaxSocketSubscriptions || subscription_bytes_ + bytes > kMaxSocketSubscriptionBytes)
    return Refuse(message.id,
                  BadRequest("a WebSocket has at most " + std::to_string(kMaxSocketSubscriptions) +
                             " subscriptions, begun by messages of " + std::to_string(kMaxSocketSubscriptionBytes) +
                             " bytes together; end some, or open another"));
  if (server_.web_socket_subscriptions_ >= server_.options_.max_connections)
    return Refuse(message.id, {ProblemKind::kOverloaded, "too many subscriptions", {}});
  const auto question = std::make_shared<Question>();
  question->request.head.method = "GET";
  question->request.address = address_;
  question->request.head.target = message.target;
  question->request.head.fields = credentials_;
  question->bytes = bytes;
  question->message = std::move(message);
  Ask(question, Clock::now());
}

void WebSocket::Unsubscribe(const SocketRequest &message) {
  const auto at = subscriptions_.find(message.subscription);
  if (at == subscriptions_.end())
    return Refuse(message.id,
                  {ProblemKind::kNotFound, "there is no subscription with the id " + message.subscription, {}});
  const auto subscriber = at->second.subscriber.lock();
  // First: what ends by itself is told to the client.
  Remove(at);
  if (subscriber) subscriber->Close();
  Answer(SocketDone(message.id));
}

void WebSocket::Ask(const std::shared_ptr<Question> &question, Clock::time_point start) {
  const bool accepted = server_.Ask(
      shared_from_this(), std::shared_ptr<FramedRequest>(question, &question->request), start,
      [question](Exchange &exchange) { return exchange.Ask(question->request); },
      [question, start](WebSocket &self) {
        if (!self.closed_) self.Ask(question, start);
      },
      [question](WebSocket &self, Reply reply) { self.OnReply(*question, std::move(reply)); });
  if (!accepted) Refuse(question->message.id, {ProblemKind::kOverloaded, "too many requests wait for an answer", {}});
}

void WebSocket::OnReply(const Question &question, Reply reply) {
  if (closed_) return;
  const SocketRequest &message = question.message;
  if (reply.content_type == kProblemContentType) return Answer(SocketProblem(message.id, reply.body));
  if (message.kind == SocketRequest::Kind::kAuthenticate) {
    credentials_ = question.request.head.fields;
    return Answer(SocketDone(message.id, reply.body));
  }
  Answer(SocketDone(message.id));
  subscriptions_[message.id] = {reply.live, question.bytes};
  subscription_bytes_ += question.bytes;
  ++server_.web_socket_subscriptions_;
  server_.adopt_(std::make_unique<Part>(shared_from_this(), message.id), std::move(reply.live));
}

void WebSocket::Answer(std::string text) {
  Queue({std::move(text), [this] { Read(); }});
}

void WebSocket::Refuse(std::string_view id, const Problem &problem) { Answer(SocketProblem(id, ProblemBody(problem))); }

void WebSocket::Queue(Turn turn) {
  if (closed_) return;
  output_.push_back(std::move(turn));
  WriteNext();
}

void WebSocket::WriteNext() {
  if (closed_ || writing_) return;
  if (output_.empty()) return EndIfDrained();
  writing_ = true;
  current_ = std::move(output_.front());
  output_.pop_front();
  if (current_.part != nullptr) current_.text = current_.part->NextText();
  write_started_ = Clock::now();
  ArmDeadline();
  stream_.async_write(asio::buffer(current_.text), [self = shared_from_this()](const error_code &error, std::size_t) {
    self->writing_ = false;
    if (error || self->closed_) return self->Close();
    self->OnWritten();
    self->WriteNext();
  });
}

void WebSocket::OnWritten() {
  const Turn turn = std::exchange(current_, {});
  // The others' turns come first.
  if (turn.part != nullptr && turn.part->OnWritten()) Queue({{}, nullptr, turn.part});
  if (turn.then) turn.then();
}

void WebSocket::ArmDeadline() {
  if (std::exchange(deadline_armed_, true)) return;
  deadline_.expires_at(write_started_ + kWriteTimeout);
  deadline_.async_wait([weak = weak_from_this()](const error_code &error) {
    const auto self = weak.lock();
    if (error || !self) return;
    self->deadline_armed_ = false;
    if (!self->writing_) return;
    if (Clock::now() - self->write_started_ >= kWriteTimeout) return self->Close();
    self->ArmDeadline();
  });
}

void WebSocket::OnPartClosed(const Part &part) {
  if (current_.part == &part) current_.part = nullptr;
  output_.erase(std::remove_if(output_.begin(), output_.end(), [&](const Turn &turn) { return turn.part == &part; }),
                output_.end());
  const auto at = subscriptions_.find(part.id());
  if (closed_ || at == subscriptions_.end()) return;
  Remove(at);
  Queue({SocketEnd(part.id()), nullptr, nullptr});
}

void WebSocket::Remove(std::map<std::string, Subscription>::iterator subscription) {
  subscription_bytes_ -= subscription->second.bytes;
  --server_.web_socket_subscriptions_;
  subscriptions_.erase(subscription);
}

void WebSocket::EndIfDrained() {
  if (!draining_ || !open_ || ending_ || closed_ || writing_ || !output_.empty() || !subscriptions_.empty()) return;
  ending_ = true;
  stream_.async_close(websocket::close_reason(websocket::close_code::service_restart),
                      [self = shared_from_this()](const error_code &) { self->Close(); });
}

} // namespace itemize::sidecar::http
