// Asks the local copy from the event loop whether rows in memory are still the copy's: one question at a time, for all
// who ask while the one before is under way.
#pragma once

#include "base/stop_token.hpp"
#include "read/backends.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace itemize::sidecar::http {

/// But for Run all members are for the loop's thread.
class KeptCheck {
public:
  /// Told what the copy had applied, if the row is the item's; nothing, if it is not or cannot be asked about.
  using Said = std::function<void(const std::optional<Position> &)>;

  KeptCheck(boost::asio::io_context &loop, read::ReadBackends &backends);

  /// False while there is no connection to the local Redis, and the caller hears nothing then; else `said` is called,
  /// from the loop.
  [[nodiscard]] bool Ask(read::KeptQuestion question, Said said);
  /// Connects, and again when that is needed, until a stop: connecting waits, and the loop must not.
  void Run(const StopToken &stop);
  /// Once the loop has ended: drops the connection and who still waits.
  void Close();

private:
  using Clock = std::chrono::steady_clock;

  /// A connection, and what tells that it can be read or written.
  struct Link {
    Link(boost::asio::io_context &loop, std::unique_ptr<RedisConnection> connection);

    std::unique_ptr<RedisConnection> redis;
    boost::asio::posix::stream_descriptor descriptor;
  };
  struct Asked {
    read::KeptQuestion question;
    Said said;
    /// Among the questions sent; none for an item that the copy cannot be asked about.
    std::optional<std::size_t> place;
  };

  void WantConnection();
  /// Waits for somebody to want a connection; false when nobody does for a while.
  [[nodiscard]] bool IsWanted();
  void Adopt(std::unique_ptr<RedisConnection> connection);
  void AskForAll();
  [[nodiscard]] std::vector<read::KeptQuestion> Questions();
  void SendRest();
  void AwaitAnswer();
  void OnReadable();
  void Give(const read::Checked &checked);
  template <typename Tell>
  static void TellEach(const std::vector<Asked> &all, Tell tell);
  /// Gives up a question that is not answered by then.
  void Watch(Clock::time_point until);
  /// Without an answer each makes its own way.
  void GiveUp();
  /// Calls `then` when the link can be read or written, unless it has been dropped.
  void Wait(boost::asio::posix::stream_descriptor::wait_type what, void (KeptCheck::*then)());

  boost::asio::io_context &loop_;
  read::ReadBackends &backends_;
  boost::asio::steady_timer deadline_;
  std::shared_ptr<Link> link_;
  /// Who is asked for, and who is next.
  std::vector<Asked> asked_;
  std::vector<Asked> waiting_;
  std::size_t questions_ = 0;
  std::optional<Position> floor_;
  Clock::time_point asked_at_;
  bool scheduled_ = false;
  bool watched_ = false;

  std::mutex mutex_;
  std::condition_variable wanted_changed_;
  bool wanted_ = true;
};

} // namespace itemize::sidecar::http
