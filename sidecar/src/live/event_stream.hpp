// A connection that has become a stream of Server-Sent Events.
#pragma once

#include "live/sink.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <memory>

namespace itemize::sidecar::live {

using Socket = boost::asio::ip::tcp::socket;

/// What the kernel may hold for one client; left alone it grows to megabytes, out of conflation's reach.
void BoundKernelBuffer(Socket &socket);

/// Answers on `socket`, beginning with the head of the response.
[[nodiscard]] std::unique_ptr<Sink> MakeEventStream(Socket socket);

} // namespace itemize::sidecar::live
