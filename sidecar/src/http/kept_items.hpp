// The shortcut for items that are in memory: answered on the event loop, without a worker.
#pragma once

#include "http/kept_check.hpp"
#include "http/server.hpp"

#include <boost/asio/io_context.hpp>

#include <memory>

namespace itemize::sidecar::http {

class KeptItems {
public:
  KeptItems(boost::asio::io_context &loop, read::ReadBackends &backends);

  /// A Server::Shortcut, for the loop's thread.
  [[nodiscard]] bool Take(const std::shared_ptr<FramedRequest> &request, const Server::Answered &answered);
  /// Sees to its connection, until a stop.
  void Run(const StopToken &stop) { check_.Run(stop); }
  /// Once the loop has ended: drops who still waits.
  void Clear() { check_.Close(); }

private:
  [[nodiscard]] static Answer AnswerOf(const RequestHead &head, const read::KeptItem &item, const Position &position);

  read::ReadBackends &backends_;
  KeptCheck check_;
};

} // namespace itemize::sidecar::http
