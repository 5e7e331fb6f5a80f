#include "live/event_stream.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <optional>
#include <utility>

namespace itemize::sidecar::live {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr int kKernelBytes = 128 * 1024;

/// The socket, which what the loop still has to call outlives.
struct Stream {
  explicit Stream(Socket taken) : socket(std::move(taken)) {}

  Socket socket;
  std::string head = StreamHead();
  std::function<void()> ended;
  /// Of what is being sent.
  std::optional<std::chrono::steady_clock::time_point> write_started;
  bool closed = false;
};

void WatchForEnd(const std::shared_ptr<Stream> &stream) {
  // A client of a live stream has nothing more to say; what it sends anyway is read and dropped.
  stream->socket.async_wait(Socket::wait_read, [stream](const error_code &error) {
    if (stream->closed) return;
    std::array<char, 512> dropped{};
    error_code read_error = error;
    if (!error) stream->socket.read_some(asio::buffer(dropped), read_error);
    if (!read_error || read_error == asio::error::would_block) return WatchForEnd(stream);
    std::exchange(stream->ended, nullptr)();
  });
}

class EventStream final : public Sink {
public:
  explicit EventStream(Socket socket) : stream_(std::make_shared<Stream>(std::move(socket))) {
    BoundKernelBuffer(stream_->socket);
  }
  ~EventStream() override { EventStream::Close(); }
  EventStream(const EventStream &) = delete;
  EventStream &operator=(const EventStream &) = delete;

  void WatchForEnd(std::function<void()> ended) override {
    stream_->ended = std::move(ended);
    live::WatchForEnd(stream_);
  }

  void Send(const std::vector<SharedEvent> &events, std::function<void(bool)> done) override {
    std::vector<asio::const_buffer> buffers;
    buffers.reserve(events.size() + 1);
    if (!head_sent_) buffers.emplace_back(stream_->head.data(), stream_->head.size());
    head_sent_ = true;
    for (const SharedEvent &event : events)
      buffers.emplace_back(event->text.data(), event->text.size());
    stream_->write_started = std::chrono::steady_clock::now();
    asio::async_write(stream_->socket, buffers,
                      [stream = stream_, done = std::move(done)](const error_code &error, std::size_t) {
                        stream->write_started.reset();
                        if (!stream->closed) done(!error);
                      });
  }

  void Close() override {
    if (std::exchange(stream_->closed, true)) return;
    error_code ignored;
    stream_->socket.shutdown(Socket::shutdown_both, ignored);
    stream_->socket.close(ignored);
    stream_->ended = nullptr;
  }

  [[nodiscard]] bool StalledFor(std::chrono::milliseconds duration) const override {
    return stream_->write_started && std::chrono::steady_clock::now() - *stream_->write_started > duration;
  }

private:
  const std::shared_ptr<Stream> stream_;
  bool head_sent_ = false;
};

} // namespace

void BoundKernelBuffer(Socket &socket) {
  error_code ignored;
  socket.set_option(Socket::send_buffer_size(kKernelBytes), ignored);
}

std::unique_ptr<Sink> MakeEventStream(Socket socket) { return std::make_unique<EventStream>(std::move(socket)); }

} // namespace itemize::sidecar::live
