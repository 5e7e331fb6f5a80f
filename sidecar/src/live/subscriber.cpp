#include "live/subscriber.hpp"

#include "base/clock.hpp"
#include "live/hub.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace itemize::sidecar::live {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

/// Text handed to the socket at once. What it has not taken can still be conflated.
constexpr std::size_t kWriteBytes = std::size_t{64} * 1024;
/// What the kernel may hold for one client; left alone it grows to megabytes, out of conflation's reach.
constexpr int kKernelBytes = 128 * 1024;

} // namespace

Subscriber::Subscriber(Hub &hub, std::vector<Interest> interests, std::size_t buffer_bytes)
    : hub_(hub), interests_(Normalized(std::move(interests))), outbox_(buffer_bytes) {}

Subscriber::~Subscriber() { hub_.Unregister(this); }

void Subscriber::Attach(Socket socket) {
  socket_ = std::move(socket);
  error_code ignored;
  socket_->set_option(Socket::send_buffer_size(kKernelBytes), ignored);
  auto head = std::make_shared<Event>();
  head->text = StreamHead();
  in_flight_.push_back(std::move(head));
  WatchForEnd();
  Flush();
}

void Subscriber::Deliver(SharedEvent event, const Position &position) {
  if (closed_ || finishing_) return;
  // Versions of another epoch are not compared: after a failover LSNs may be lower.
  const bool had = position.epoch == skip_up_to_.epoch && event->version <= skip_up_to_.version;
  if (had && event->of_stream) return;
  const bool fits = outbox_.Push(std::move(event));
  hub_.metrics().conflated.Increment(static_cast<double>(outbox_.conflated() - conflated_before_));
  conflated_before_ = outbox_.conflated();
  if (!fits) {
    if (resync_waits_) {
      hub_.metrics().evicted.Increment();
      return Close();
    }
    resync_waits_ = true;
    constexpr std::string_view kReason = "slow";
    hub_.metrics().CountResyncs(kReason);
    outbox_.ReplaceAll(ResyncEvent(position, kReason));
  }
  if (in_flight_.empty()) Flush();
}

void Subscriber::Finish(SharedEvent last) {
  if (closed_ || finishing_) return;
  finishing_ = true;
  if (!outbox_.Push(last)) outbox_.ReplaceAll(std::move(last));
  if (in_flight_.empty()) Flush();
}

void Subscriber::Close() {
  if (closed_) return;
  closed_ = true;
  if (socket_) {
    error_code ignored;
    socket_->shutdown(Socket::shutdown_both, ignored);
    socket_->close(ignored);
  }
  hub_.Forget(this);
}

bool Subscriber::StalledFor(std::chrono::milliseconds duration) const {
  return !in_flight_.empty() && Clock::now() - write_started_ > duration;
}

void Subscriber::WatchForEnd() {
  // A client of a live stream has nothing more to say; what it sends anyway is read and dropped.
  socket_->async_wait(Socket::wait_read, [self = shared_from_this()](const error_code &error) {
    if (self->closed_) return;
    if (error) return self->Close();
    std::array<char, 512> dropped{};
    error_code read_error;
    self->socket_->read_some(asio::buffer(dropped), read_error);
    if (read_error && read_error != asio::error::would_block) return self->Close();
    self->WatchForEnd();
  });
}

void Subscriber::Flush() {
  if (!socket_ || closed_) return;
  if (in_flight_.empty()) {
    if (outbox_.empty()) {
      if (finishing_) Close();
      return;
    }
    in_flight_ = outbox_.Take(kWriteBytes);
    resync_waits_ = false;
  }
  write_started_ = Clock::now();
  std::vector<asio::const_buffer> buffers;
  buffers.reserve(in_flight_.size());
  for (const SharedEvent &event : in_flight_)
    buffers.emplace_back(event->text.data(), event->text.size());
  asio::async_write(*socket_, buffers, [self = shared_from_this()](const error_code &error, std::size_t) {
    if (self->closed_) return;
    if (error) return self->Close();
    self->hub_.metrics().sent.Increment(static_cast<double>(self->in_flight_.size()));
    for (const SharedEvent &event : self->in_flight_) {
      // The clocks of two machines may differ by more than the lag.
      if (event->commit_time > 0) self->hub_.metrics().lag.Observe(std::max(0.0, SecondsSince(event->commit_time)));
    }
    self->in_flight_.clear();
    self->Flush();
  });
}

} // namespace itemize::sidecar::live
