#include "live/subscriber.hpp"

#include "base/clock.hpp"
#include "live/hub.hpp"

#include <algorithm>
#include <utility>

namespace itemize::sidecar::live {

namespace {

/// Text handed to the sink at once. What it has not taken can still be conflated.
constexpr std::size_t kWriteBytes = std::size_t{64} * 1024;

} // namespace

Subscriber::Subscriber(Hub &hub, std::vector<Interest> interests, authorization::Viewer viewer,
                       std::size_t buffer_bytes)
    : hub_(hub), interests_(Normalized(std::move(interests))), viewer_(std::move(viewer)), outbox_(buffer_bytes) {}

Subscriber::~Subscriber() {
  hub_.Unregister(this);
  closed_ = true;
  CountWaiting();
}

void Subscriber::Attach(std::unique_ptr<Sink> sink) {
  sink_ = std::move(sink);
  sink_->WatchForEnd([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->Close();
  });
  Flush();
}

void Subscriber::Deliver(SharedEvent event, const Position &position) {
  if (closed_ || finishing_) return;
  // Versions of another epoch are not compared: after a failover LSNs may be lower.
  const bool had = position.epoch == skip_up_to_.epoch && event->version <= skip_up_to_.version;
  if (had && event->of_stream) return;
  // What may no longer be read is not sent because it waits.
  if (event->withdraws) outbox_.Drop(event->type);
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
  if (!sending_) Flush();
  CountWaiting();
}

void Subscriber::Finish(SharedEvent last) {
  if (closed_ || finishing_) return;
  finishing_ = true;
  if (!outbox_.Push(last)) outbox_.ReplaceAll(std::move(last));
  if (!sending_) Flush();
  CountWaiting();
}

void Subscriber::FinishNow(SharedEvent last) {
  if (closed_ || finishing_) return;
  finishing_ = true;
  outbox_.ReplaceAll(std::move(last));
  if (!sending_) Flush();
  CountWaiting();
}

void Subscriber::Close() {
  if (closed_) return;
  closed_ = true;
  CountWaiting();
  if (sink_) sink_->Close();
  hub_.Forget(this);
}

bool Subscriber::StalledFor(std::chrono::milliseconds duration) const { return sink_ && sink_->StalledFor(duration); }

void Subscriber::Flush() {
  if (!sink_ || closed_) return;
  // Nothing at the very first: what is not about events, the head of a response, does not wait for one.
  if (outbox_.empty() && finishing_) return Close();
  if (outbox_.empty() && has_sent_) return;
  has_sent_ = true;
  in_flight_ = outbox_.Take(kWriteBytes);
  resync_waits_ = false;
  sending_ = true;
  sink_->Send(in_flight_, [self = shared_from_this()](bool sent) { self->OnSent(sent); });
}

void Subscriber::OnSent(bool sent) {
  if (closed_) return;
  if (!sent) return Close();
  hub_.metrics().sent.Increment(static_cast<double>(in_flight_.size()));
  for (const SharedEvent &event : in_flight_) {
    // The clocks of two machines may differ by more than the lag.
    if (event->commit_time > 0) hub_.metrics().lag.Observe(std::max(0.0, SecondsSince(event->commit_time)));
  }
  in_flight_.clear();
  sending_ = false;
  Flush();
  CountWaiting();
}

void Subscriber::CountWaiting() {
  const std::size_t waiting = closed_ ? 0 : outbox_.bytes();
  if (waiting == waiting_before_) return;
  if (waiting > waiting_before_)
    hub_.metrics().waiting.Increment(static_cast<double>(waiting - waiting_before_));
  else
    hub_.metrics().waiting.Decrement(static_cast<double>(waiting_before_ - waiting));
  waiting_before_ = waiting;
}

} // namespace itemize::sidecar::live
