// The shortcut for items that are in memory: answered without a worker, after one question to the local copy that all
// share who wait at that moment.
#pragma once

#include "http/server.hpp"
#include "read/backends.hpp"

#include <boost/asio/io_context.hpp>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

namespace itemize::sidecar::http {

class KeptItems {
public:
  KeptItems(boost::asio::io_context &loop, read::ReadBackends &backends);

  /// A Server::Shortcut, for the loop's thread.
  [[nodiscard]] bool Take(const std::shared_ptr<FramedRequest> &request, const Server::Answered &answered);
  /// Asks the copy while requests wait, until a stop.
  void Run(const StopToken &stop);
  /// Drops who still waits.
  void Clear();

private:
  struct Waiter {
    std::shared_ptr<FramedRequest> request;
    read::KeptQuestion question;
    Server::Answered answered;
    std::optional<Answer> answer;
  };
  using Waiters = std::vector<Waiter>;

  [[nodiscard]] Waiters Next();
  void AnswerAll(Waiters &waiters);
  [[nodiscard]] static Answer AnswerOf(const Waiter &waiter, const Position &position);

  boost::asio::io_context &loop_;
  read::ReadBackends &backends_;
  read::LazyConnection<RedisConnection> redis_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Waiters waiters_;
};

} // namespace itemize::sidecar::http
