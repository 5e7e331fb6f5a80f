// The head of an HTTP/1.x request, parsed strictly (RFC 9112): what the event loop must know to frame
// the message, and nothing that two parsers could read differently.
#pragma once

#include "http/problem.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace itemize::sidecar::http {

struct HeaderField {
  std::string name;
  std::string value;
};

struct RequestHead {
  std::string method;
  /// Origin form, as the client wrote it: nothing of it is percent-decoded.
  std::string target;
  std::vector<HeaderField> fields;
  /// HTTP/1.0, whose connections close unless told otherwise.
  bool http_1_0 = false;
  bool keep_alive = true;
  bool expects_continue = false;
  bool chunked = false;
  std::uint64_t content_length = 0;

  /// The value of the first field of that name, compared without case.
  [[nodiscard]] std::optional<std::string_view> Find(std::string_view name) const;
  /// All fields of that name as one list (RFC 9110 section 5.3); nothing without one.
  [[nodiscard]] std::optional<std::string> FindAll(std::string_view name) const;
};

/// Longest request target in bytes; the HTTP library behind us refuses a request line over 8192.
inline constexpr std::size_t kMaxTargetBytes = 8000;
/// Longest line of one field in bytes, for the same reason.
inline constexpr std::size_t kMaxFieldLineBytes = 8000;

/// `head` ends with the empty line (CR LF CR LF).
[[nodiscard]] std::variant<RequestHead, Problem> ParseRequestHead(std::string_view head);

/// The head as the HTTP library gets it. Left out is what is dealt with here (framing, connection,
/// Expect) and what would make it change the bytes of an answer behind a strong ETag: Accept-Encoding
/// (it compresses silently) and Range.
[[nodiscard]] std::string NormalizedHead(const RequestHead &head, std::size_t body_bytes);

[[nodiscard]] bool EqualsIgnoringCase(std::string_view a, std::string_view b);

/// `text` without spaces and tabs at both ends.
[[nodiscard]] std::string_view TrimBlanks(std::string_view text);

/// What stands before the first separator, trimmed; it and the separator are taken away from `text`. Separators inside
/// of quotes do not count.
std::string_view TakeUpTo(char separator, std::string_view &text);

} // namespace itemize::sidecar::http
