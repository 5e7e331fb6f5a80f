// What a route answers, before it becomes HTTP.
#pragma once

#include "http/problem.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace itemize::sidecar::live {
class Subscriber;
}

namespace itemize::sidecar::admission {
struct Inquiry;
}

namespace itemize::sidecar::search {
struct Job;
}

namespace itemize::sidecar::write {
struct Job;
}

namespace itemize::sidecar::http {

/// Keeps a callable and calls it once, from any thread.
using Park = std::function<void(std::function<void()>)>;

struct Reply {
  int status = 200;
  std::string content_type;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  /// Set when the request is to be answered later: called with what makes it be asked again. The
  /// rest of this is then not an answer.
  Park park;
  /// With `park`: it waits for the keys of tokens, and not yet for any row.
  bool awaits_keys = false;
  /// With `park`: the same, for what is not known of its caller.
  std::shared_ptr<admission::Inquiry> inquiry;
  /// With `park`: what the request then finds in FramedRequest::search.
  std::shared_ptr<search::Job> search;
  /// The same, FramedRequest::write.
  std::shared_ptr<write::Job> write;
  /// Set by /v1/live: the connection's socket goes to this subscriber instead of an answer.
  std::shared_ptr<live::Subscriber> live;
  /// The connection becomes a WebSocket instead of an answer.
  bool web_socket = false;
  /// Name of the route for metrics; a literal.
  std::string_view route = "other";
};

[[nodiscard]] inline Reply ProblemReply(const Problem &problem) {
  Reply reply;
  reply.status = StatusOf(problem);
  reply.content_type = kProblemContentType;
  reply.body = ProblemBody(problem);
  if (RetryAfterOf(problem) > 0) reply.headers.emplace_back("Retry-After", std::to_string(RetryAfterOf(problem)));
  if (!problem.allow.empty()) reply.headers.emplace_back("Allow", problem.allow);
  return reply;
}

} // namespace itemize::sidecar::http
