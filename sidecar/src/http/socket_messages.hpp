// What clients say over a WebSocket, and the texts they get: docs/reference/websocket.md has the protocol.
#pragma once

#include "http/problem.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace itemize::sidecar::http {

/// Longest message from a client, in bytes.
inline constexpr std::size_t kMaxSocketMessageBytes = std::size_t{256} * 1024;
/// Longest `id`, in bytes of JSON.
inline constexpr std::size_t kMaxSocketIdBytes = 64;

struct SocketRequest {
  enum class Kind : std::uint8_t { kSubscribe, kUnsubscribe, kAuthenticate, kPing };
  Kind kind = Kind::kPing;
  /// As JSON: a string or an integer. Names the subscription that it begins, too.
  std::string id;
  /// What it asks of HTTP, if it does: the target of a GET.
  std::string target;
  /// Of kUnsubscribe: the id of the subscription, as JSON.
  std::string subscription;
  /// Of kAuthenticate; empty: from now on nobody in particular.
  std::string token;
};

/// A message that is not understood. The id is JSON, `null` where none could be read.
struct SocketRefusal {
  std::string id = "null";
  Problem problem;
};

[[nodiscard]] std::variant<SocketRequest, SocketRefusal> ParseSocketRequest(std::string_view message);

/// `{"id":…,"ok":true}`, with `"result":RESULT` where there is one (JSON).
[[nodiscard]] std::string SocketDone(std::string_view id, std::string_view result = {});
/// `{"id":…,"problem":{…}}`. `problem` is JSON as ProblemBody makes it.
[[nodiscard]] std::string SocketProblem(std::string_view id, std::string_view problem);
/// An event of a subscription, from its text as an event stream has it. `subscription` is JSON.
[[nodiscard]] std::string SocketEvent(std::string_view subscription, std::string_view event_stream_text);
/// The last thing said of a subscription that the server ends.
[[nodiscard]] std::string SocketEnd(std::string_view subscription);

} // namespace itemize::sidecar::http
