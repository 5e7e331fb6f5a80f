// One live client: its interests, what waits to be sent to it, and where that goes.
#pragma once

#include "authorization/rule.hpp"
#include "live/outbox.hpp"
#include "live/sink.hpp"
#include "live/subscription_index.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace itemize::sidecar::live {

class Hub;

/// Registered with the hub from its making to its end, with or without a sink. But for construction
/// and destruction all members run on the loop's thread.
class Subscriber : public std::enable_shared_from_this<Subscriber> {
public:
  Subscriber(Hub &hub, std::vector<Interest> interests, authorization::Viewer viewer, std::size_t buffer_bytes);
  ~Subscriber();
  Subscriber(const Subscriber &) = delete;
  Subscriber &operator=(const Subscriber &) = delete;

  [[nodiscard]] const std::vector<Interest> &interests() const { return interests_; }
  [[nodiscard]] const authorization::Viewer &viewer() const { return viewer_; }

  /// Changes of that epoch up to here the client has had from elsewhere. To be set before the hub knows the subscriber.
  void SkipUpTo(const Position &position) { skip_up_to_ = position; }

  /// Keeps it as long as this is here: what counts the subscriptions of a client. Before anybody else knows of it.
  void Hold(std::shared_ptr<void> ticket) { ticket_ = std::move(ticket); }

  /// Begins to send.
  void Attach(std::unique_ptr<Sink> sink);
  void Deliver(SharedEvent event, const Position &position);
  /// Sends `last` after what waits, and ends.
  void Finish(SharedEvent last);
  /// Sends `last` in place of what waits, and ends.
  void FinishNow(SharedEvent last);
  void Close();
  /// Whether the client has taken nothing for that long although something waits.
  [[nodiscard]] bool StalledFor(std::chrono::milliseconds duration) const;

private:
  void Flush();
  void OnSent(bool sent);
  /// Tells the metrics of what has come into the outbox, or has left it.
  void CountWaiting();

  Hub &hub_;
  const std::vector<Interest> interests_;
  const authorization::Viewer viewer_;
  std::shared_ptr<void> ticket_;
  Position skip_up_to_;
  Outbox outbox_;
  std::size_t conflated_before_ = 0;
  std::size_t waiting_before_ = 0;
  std::unique_ptr<Sink> sink_;
  std::vector<SharedEvent> in_flight_;
  bool sending_ = false;
  bool has_sent_ = false;
  /// A resync for slowness waits; another overflow before it is taken ends the connection.
  bool resync_waits_ = false;
  bool finishing_ = false;
  bool closed_ = false;
};

} // namespace itemize::sidecar::live
