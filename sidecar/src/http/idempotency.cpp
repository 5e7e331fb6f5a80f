#include "http/idempotency.hpp"

#include "base/sha256.hpp"
#include "itemize/base64url.hpp"

#include <string>
#include <string_view>

namespace itemize::sidecar::http {

namespace {

/// The characters between the quotes, or all; nothing for what is neither. Other clients' keys must not look like it.
std::optional<std::string> ParseKey(std::string_view field) {
  const std::string_view text = TrimBlanks(field);
  const bool quoted = text.size() >= 2 && text.front() == '"' && text.back() == '"';
  const std::string_view inner = quoted ? text.substr(1, text.size() - 2) : text;
  std::string key;
  for (std::size_t at = 0; at < inner.size(); ++at) {
    char character = inner[at];
    if (quoted && character == '\\') {
      if (++at == inner.size() || (inner[at] != '"' && inner[at] != '\\')) return std::nullopt;
      character = inner[at];
    } else if (character == '"' || (!quoted && (character == ' ' || character == ',' || character == ';'))) {
      return std::nullopt;
    }
    if (character < ' ' || character > '~') return std::nullopt;
    key += character;
  }
  if (key.empty() || key.size() > kMostIdempotencyKeyBytes) return std::nullopt;
  return key;
}

/// A digest of texts, whichever they are: none can be taken for the end of another.
class Parts {
public:
  Parts &Add(std::string_view text) {
    all_ += std::to_string(text.size());
    all_ += ':';
    all_ += text;
    return *this;
  }
  [[nodiscard]] std::string Digest() const { return EncodeBase64Url(Sha256(all_)); }

private:
  std::string all_;
};

} // namespace

std::variant<std::optional<write::Once>, Problem> ParseOnce(const FramedRequest &request,
                                                            const identity::Caller &caller) {
  const auto field = request.head.FindAll("Idempotency-Key");
  if (!field) return std::nullopt;
  const auto key = ParseKey(*field);
  if (!key) {
    return BadRequest("Idempotency-Key must be one text of 1 to " + std::to_string(kMostIdempotencyKeyBytes) +
                      " visible characters in quotes, a UUID say");
  }
  Parts scope;
  // A token that names nobody is known by its roles, as what it may do is.
  scope.Add(*key).Add(!caller ? "nobody" : caller->subject.empty() ? "roles" : "subject");
  if (caller) {
    scope.Add(caller->subject);
    if (caller->subject.empty()) {
      for (const std::string &role : caller->roles)
        scope.Add(role);
    }
  }
  Parts fingerprint;
  fingerprint.Add(request.head.method).Add(request.head.target).Add(request.body);
  for (const std::string_view condition : {"If-Match", "If-None-Match"})
    fingerprint.Add(request.head.FindAll(condition).value_or(""));
  return write::Once{scope.Digest(), fingerprint.Digest()};
}

} // namespace itemize::sidecar::http
