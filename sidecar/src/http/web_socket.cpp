#include "http/web_socket.hpp"

#include "http/server.hpp"
#include "live/event_stream.hpp"
#include "live/subscriber.hpp"

#include <boost/asio/post.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/websocket/rfc6455.hpp>

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

class WebSocket::Part final : public live::Sink {
public:
  Part(std::weak_ptr<WebSocket> socket, std::string id) : socket_(std::move(socket)), id_(std::move(id)) {}

  void WatchForEnd(std::function<void()>) override {} // the socket ends its subscriptions itself

  void Send(const std::vector<live::SharedEvent> &events, std::function<void(bool)> done) override {
    const auto socket = socket_.lock();
    if (!socket) return;
    if (events.empty()) return asio::post(socket->stream_.get_executor(), [done = std::move(done)] { done(true); });
    // The last one's end is that of all.
    for (std::size_t i = 0; i < events.size(); ++i)
      socket->Queue({SocketEvent(id_, events[i]->text), i + 1 == events.size() ? std::move(done) : nullptr});
  }

  void Close() override {
    if (const auto socket = socket_.lock()) socket->OnPartClosed(id_);
    socket_.reset();
  }

private:
  std::weak_ptr<WebSocket> socket_;
  const std::string id_;
};

WebSocket::WebSocket(Server &server, Socket socket)
    : server_(server), stream_(std::move(socket)), input_(kMaxSocketMessageBytes) {
  live::BoundKernelBuffer(stream_.next_layer());
  stream_.set_option(websocket::stream_base::timeout{kHandshakeTimeout, kIdleTimeout, true});
  stream_.read_message_max(kMaxSocketMessageBytes);
  stream_.text(true);
  server_.metrics_.web_sockets().Increment();
}

WebSocket::~WebSocket() {
  server_.metrics_.web_sockets().Decrement();
  server_.Forget(this);
}

void WebSocket::Start(const RequestHead &head) {
  if (const auto field = head.Find("Authorization")) authorization_ = std::string(*field);
  // The request is looked at before the call returns.
  stream_.async_accept(RequestOf(head), [self = shared_from_this()](const error_code &error) {
    if (error) return self->Close(); // the client has been told why
    self->Read();
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
  for (const auto &[id, subscription] : std::exchange(subscriptions_, {})) {
    if (const auto subscriber = subscription.subscriber.lock()) subscriber->Close();
  }
}

void WebSocket::Read() {
  if (closed_) return;
  input_.clear();
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
  case SocketRequest::Kind::kSubscribe: return Subscribe(std::move(message), bytes);
  case SocketRequest::Kind::kAuthenticate: break;
  }
  const auto question = std::make_shared<Question>();
  question->request.head.method = "GET";
  question->request.head.target = message.target;
  if (!message.token.empty()) question->request.head.fields.push_back({"Authorization", "Bearer " + message.token});
  question->message = std::move(message);
  Ask(question);
}

void WebSocket::Subscribe(SocketRequest message, std::size_t bytes) {
  if (subscriptions_.count(message.id) > 0)
    return Refuse(message.id, BadRequest("a subscription has this id already; end it first, or take another id"));
  if (subscriptions_.size() >= kMaxSocketSubscriptions || subscription_bytes_ + bytes > kMaxSocketSubscriptionBytes)
    return Refuse(message.id,
                  BadRequest("a WebSocket has at most " + std::to_string(kMaxSocketSubscriptions) +
                             " subscriptions, begun by messages of " + std::to_string(kMaxSocketSubscriptionBytes) +
                             " bytes together; end some, or open another"));
  const auto question = std::make_shared<Question>();
  question->request.head.method = "GET";
  question->request.head.target = message.target;
  if (!authorization_.empty()) question->request.head.fields.push_back({"Authorization", authorization_});
  question->bytes = bytes;
  question->message = std::move(message);
  Ask(question);
}

void WebSocket::Unsubscribe(const SocketRequest &message) {
  const auto at = subscriptions_.find(message.subscription);
  if (at == subscriptions_.end())
    return Refuse(message.id,
                  {ProblemKind::kNotFound, "there is no subscription with the id " + message.subscription, {}});
  subscription_bytes_ -= at->second.bytes;
  const auto subscriber = at->second.subscriber.lock();
  // First: what ends by itself is told to the client.
  subscriptions_.erase(at);
  if (subscriber) subscriber->Close();
  Answer(SocketDone(message.id));
}

void WebSocket::Ask(const std::shared_ptr<Question> &question) {
  const auto start = Connection::Clock::now();
  const bool accepted =
      server_.workers_->Submit([self = shared_from_this(), question, start](Exchange &exchange) mutable {
        Reply reply = exchange.Ask(question->request);
        Server &server = self->server_;
        if (reply.park) {
          (reply.awaits_keys ? question->request.awaited_keys : question->request.parked) = true;
          const auto again = std::make_shared<std::shared_ptr<WebSocket>>(std::move(self));
          reply.park([&loop = server.loop_, again, question] {
            asio::post(loop, [socket = std::move(*again), question] {
              if (!socket->closed_) socket->Ask(question);
            });
          });
          return;
        }
        const std::chrono::duration<double> took = Connection::Clock::now() - start;
        server.metrics_.Answered(reply.route, reply.status, took.count());
        // The last reference must fall on the loop's thread, which owns the socket.
        asio::post(server.loop_, [self = std::move(self), question, reply = std::move(reply)]() mutable {
          self->OnReply(*question, std::move(reply));
        });
      });
  if (!accepted) Refuse(question->message.id, {ProblemKind::kOverloaded, "too many requests wait for an answer", {}});
}

void WebSocket::OnReply(const Question &question, Reply reply) {
  if (closed_) return;
  const SocketRequest &message = question.message;
  if (reply.content_type == kProblemContentType) return Answer(SocketProblem(message.id, reply.body));
  if (message.kind == SocketRequest::Kind::kAuthenticate) {
    authorization_ = message.token.empty() ? std::string() : "Bearer " + message.token;
    return Answer(SocketDone(message.id, reply.body));
  }
  Answer(SocketDone(message.id));
  subscriptions_[message.id] = {reply.live, question.bytes};
  subscription_bytes_ += question.bytes;
  server_.adopt_(std::make_unique<Part>(weak_from_this(), message.id), std::move(reply.live));
}

void WebSocket::Answer(std::string text) {
  Queue({std::move(text), [this](bool) { Read(); }});
}

void WebSocket::Refuse(std::string_view id, const Problem &problem) { Answer(SocketProblem(id, ProblemBody(problem))); }

void WebSocket::Queue(Frame frame) {
  if (closed_) return;
  output_.push_back(std::move(frame));
  if (!writing_) WriteNext();
}

void WebSocket::WriteNext() {
  if (closed_ || output_.empty()) return EndIfDrained();
  writing_ = true;
  stream_.async_write(asio::buffer(output_.front().text),
                      [self = shared_from_this()](const error_code &error, std::size_t) {
                        self->writing_ = false;
                        if (error || self->closed_) return self->Close();
                        const Frame written = std::move(self->output_.front());
                        self->output_.pop_front();
                        if (written.written) written.written(true);
                        if (!self->writing_) self->WriteNext();
                      });
}

void WebSocket::OnPartClosed(const std::string &id) {
  const auto at = subscriptions_.find(id);
  if (closed_ || at == subscriptions_.end()) return;
  subscription_bytes_ -= at->second.bytes;
  subscriptions_.erase(at);
  Queue({SocketEnd(id), nullptr});
}

void WebSocket::EndIfDrained() {
  if (!draining_ || closed_ || writing_ || !output_.empty() || !subscriptions_.empty()) return;
  stream_.async_close(websocket::close_reason(websocket::close_code::service_restart),
                      [self = shared_from_this()](const error_code &) { self->Close(); });
}

} // namespace itemize::sidecar::http
