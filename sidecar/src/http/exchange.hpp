// One request through cpp-httplib, without a connection: bytes in, bytes out.
//
// The seam (design, decision 9): a subclass of httplib::Server calls its protected process_request over
// a Stream of ours. The library never sees a socket, so no thread waits for a client.
#pragma once

#include "http/reply.hpp"
#include "http/request_framer.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace itemize::sidecar::http {

struct Answer {
  /// The response, head and body; nothing when `live` or `web_socket` is set.
  std::string bytes;
  bool keep_alive = false;
  std::shared_ptr<live::Subscriber> live;
  bool web_socket = false;
  /// As in Reply: there is no answer yet.
  Park park;
  bool awaits_keys = false;
  std::shared_ptr<admission::Inquiry> inquiry;
  std::shared_ptr<search::Job> search;
  std::shared_ptr<write::Job> write;
  int status = 0;
  std::string_view route;
};

/// Not for use by two threads at once: each worker owns one.
class Exchange {
public:
  /// Answers a request, or says that no route is meant and a static file may be.
  using Route = std::function<std::optional<Reply>(const FramedRequest &)>;

  /// `static_dir` may be empty. Throws ConfigError when it is no directory.
  Exchange(Route route, const std::string &static_dir);
  ~Exchange();
  Exchange(const Exchange &) = delete;
  Exchange &operator=(const Exchange &) = delete;

  /// `close` says that the connection is to end whatever the client wishes.
  [[nodiscard]] Answer Handle(const FramedRequest &request, bool close);
  /// What the route says, before it becomes HTTP.
  [[nodiscard]] Reply Ask(const FramedRequest &request);

private:
  class Library;
  std::unique_ptr<Library> library_;
};

/// Whether a decoded path may name a static file: no NUL, no `..`, nothing hidden.
[[nodiscard]] bool IsServablePath(std::string_view path);

} // namespace itemize::sidecar::http
