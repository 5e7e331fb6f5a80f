#include "http/request_head.hpp"

#include "itemize/lsn.hpp"

#include <algorithm>

namespace itemize::sidecar::http {

namespace {

char LowerCase(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// tchar of RFC 9110 section 5.6.2.
bool IsTokenChar(char c) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return true;
  return std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool IsToken(std::string_view text) { return !text.empty() && std::all_of(text.begin(), text.end(), IsTokenChar); }

/// A field value holds no control character but the tab: a bare CR or a NUL is how messages are smuggled.
bool IsFieldValue(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == '\t' || (byte >= 0x20U && byte != 0x7FU);
  });
}

bool IsTarget(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte > 0x20U && byte < 0x7FU && c != '#';
  });
}

bool IsDigits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// Calls `visit` for each element of a comma separated list.
template <typename Visit>
void ForEachElement(std::string_view list, Visit visit) {
  while (true) {
    const std::size_t comma = list.find(',');
    const std::string_view element = TrimBlanks(list.substr(0, comma));
    if (!element.empty()) visit(element);
    if (comma == std::string_view::npos) return;
    list.remove_prefix(comma + 1);
  }
}

/// `http://host/path` becomes `/path`: servers must accept the absolute form (RFC 9112 section 3.2.2).
std::optional<std::string> OriginForm(std::string_view target) {
  if (target.front() == '/') return std::string(target);
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (target.size() <= scheme.size() || !EqualsIgnoringCase(target.substr(0, scheme.size()), scheme)) continue;
    const std::string_view rest = target.substr(scheme.size());
    const std::size_t path = rest.find_first_of("/?");
    if (path == std::string_view::npos) return std::string("/");
    return (rest[path] == '?' ? "/" : "") + std::string(rest.substr(path));
  }
  return std::nullopt;
}

std::optional<Problem> ParseRequestLine(std::string_view line, RequestHead &head) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return BadRequest("malformed request line");
  head.method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (!IsToken(head.method)) return BadRequest("malformed method in the request line");
  if (target.empty() || !IsTarget(target)) return BadRequest("malformed target in the request line");
  if (version.size() != 8 || version.substr(0, 5) != "HTTP/" || version[6] != '.' || !IsDigits(version.substr(5, 1)) ||
      !IsDigits(version.substr(7))) {
    return BadRequest("malformed HTTP version in the request line");
  }
  if (version[5] != '1') return Problem{ProblemKind::kVersionNotSupported, "HTTP/1.1 and HTTP/1.0 are spoken here", {}};
  head.http_1_0 = version[7] == '0';
  if (target.size() > kMaxTargetBytes) {
    return Problem{ProblemKind::kUriTooLong,
                   "the request target is longer than " + std::to_string(kMaxTargetBytes) + " bytes",
                   {}};
  }
  auto origin = OriginForm(target);
  if (!origin) return BadRequest("the request target must be a path");
  head.target = std::move(*origin);
  return std::nullopt;
}

std::optional<Problem> ParseField(std::string_view line, RequestHead &head) {
  if (line.size() > kMaxFieldLineBytes) {
    return Problem{ProblemKind::kHeadTooLarge,
                   "a header field is longer than " + std::to_string(kMaxFieldLineBytes) + " bytes",
                   {}};
  }
  const std::size_t colon = line.find(':');
  // A name that is no token covers folded lines (RFC 9112 section 5.2) and space before the colon, too.
  if (colon == std::string_view::npos || !IsToken(line.substr(0, colon))) return BadRequest("malformed header field");
  const std::string_view value = TrimBlanks(line.substr(colon + 1));
  if (!IsFieldValue(value)) return BadRequest("control character in a header field");
  head.fields.push_back({std::string(line.substr(0, colon)), std::string(value)});
  return std::nullopt;
}

/// What the fields say about the message and the connection.
class Framing {
public:
  explicit Framing(RequestHead &head) : head_(head) {}

  std::optional<Problem> Read() {
    for (const HeaderField &field : head_.fields) {
      if (auto problem = ReadField(field)) return problem;
    }
    // Host is what virtual hosts and caches in between go by: RFC 9112 section 3.2.
    if (hosts_ > 1 || (hosts_ == 0 && !head_.http_1_0)) return BadRequest("exactly one Host field is needed");
    if (lengths_ > 0 && head_.chunked) return BadRequest("both Content-Length and Transfer-Encoding");
    if (head_.chunked && head_.http_1_0) return BadRequest("Transfer-Encoding in HTTP/1.0");
    head_.keep_alive = !close_ && (!head_.http_1_0 || keep_alive_);
    if (head_.http_1_0) head_.expects_continue = false;
    return std::nullopt;
  }

private:
  std::optional<Problem> ReadField(const HeaderField &field) {
    if (EqualsIgnoringCase(field.name, "Host")) {
      ++hosts_;
    } else if (EqualsIgnoringCase(field.name, "Content-Length")) {
      const auto length = IsDigits(field.value) ? ParseUint64(field.value) : std::nullopt;
      if (!length || ++lengths_ > 1) return BadRequest("malformed Content-Length");
      head_.content_length = *length;
    } else if (EqualsIgnoringCase(field.name, "Transfer-Encoding")) {
      if (head_.chunked || !EqualsIgnoringCase(field.value, "chunked")) {
        return BadRequest("no Transfer-Encoding but chunked is understood");
      }
      head_.chunked = true;
    } else if (EqualsIgnoringCase(field.name, "Connection")) {
      ForEachElement(field.value, [this](std::string_view option) {
        close_ = close_ || EqualsIgnoringCase(option, "close");
        keep_alive_ = keep_alive_ || EqualsIgnoringCase(option, "keep-alive");
      });
    } else if (EqualsIgnoringCase(field.name, "Expect")) {
      if (!EqualsIgnoringCase(field.value, "100-continue")) {
        return Problem{ProblemKind::kExpectationFailed, "no expectation but 100-continue is understood", {}};
      }
      head_.expects_continue = true;
    }
    return std::nullopt;
  }

  RequestHead &head_;
  int hosts_ = 0;
  int lengths_ = 0;
  bool close_ = false;
  bool keep_alive_ = false;
};

bool IsDealtWithHere(std::string_view name) {
  for (const std::string_view own : {"Connection", "Keep-Alive", "Content-Length", "Transfer-Encoding", "TE", "Trailer",
                                     "Upgrade", "Expect", "Accept-Encoding", "Range", "If-Range"}) {
    if (EqualsIgnoringCase(name, own)) return true;
  }
  return false;
}

} // namespace

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return LowerCase(x) == LowerCase(y); });
}

std::string_view TrimBlanks(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string_view TakeUpTo(char separator, std::string_view &text) {
  bool quoted = false;
  std::size_t at = 0;
  while (at < text.size() && (quoted || text[at] != separator)) {
    if (quoted && text[at] == '\\')
      ++at;
    else if (text[at] == '"')
      quoted = !quoted;
    ++at;
  }
  at = std::min(at, text.size());
  const std::string_view taken = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return TrimBlanks(taken);
}

std::optional<std::string_view> RequestHead::Find(std::string_view name) const {
  for (const HeaderField &field : fields) {
    if (EqualsIgnoringCase(field.name, name)) return field.value;
  }
  return std::nullopt;
}

std::optional<std::string> RequestHead::FindAll(std::string_view name) const {
  std::optional<std::string> joined;
  for (const HeaderField &field : fields) {
    if (!EqualsIgnoringCase(field.name, name)) continue;
    joined = joined ? *joined + ", " + field.value : field.value;
  }
  return joined;
}

std::variant<RequestHead, Problem> ParseRequestHead(std::string_view text) {
  RequestHead head;
  bool first = true;
  while (true) {
    const std::size_t newline = text.find("\r\n");
    if (newline == std::string_view::npos) return BadRequest("the head of the request does not end");
    const std::string_view line = text.substr(0, newline);
    text.remove_prefix(newline + 2);
    if (line.empty() && !first) break;
    if (auto problem = first ? ParseRequestLine(line, head) : ParseField(line, head)) return std::move(*problem);
    first = false;
  }
  if (auto problem = Framing(head).Read()) return std::move(*problem);
  return head;
}

std::string NormalizedHead(const RequestHead &head, std::size_t body_bytes) {
  std::string text = head.method + ' ' + head.target + " HTTP/1.1\r\n";
  for (const HeaderField &field : head.fields) {
    if (IsDealtWithHere(field.name)) continue;
    text += field.name;
    text += ": ";
    text += field.value;
    text += "\r\n";
  }
  if (body_bytes > 0) text += "Content-Length: " + std::to_string(body_bytes) + "\r\n";
  text += "\r\n";
  return text;
}

} // namespace itemize::sidecar::http
