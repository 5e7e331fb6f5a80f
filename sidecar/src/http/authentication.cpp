#include "http/authentication.hpp"

#include <string>

namespace itemize::sidecar::http {

namespace {

using Kind = identity::Verdict::Kind;

constexpr std::string_view kScheme = "Bearer";

/// The token of a field of the scheme Bearer; nothing for another scheme.
std::optional<std::string_view> TokenOf(std::string_view field) {
  field = TrimBlanks(field);
  const std::string_view scheme = field.substr(0, field.find_first_of(" \t"));
  if (!EqualsIgnoringCase(scheme, kScheme)) return std::nullopt;
  return TrimBlanks(field.substr(scheme.size()));
}

} // namespace

identity::KeySourceOptions KeySourceOptionsOf(const Options &options) {
  return {options.jwt_secret_file, options.jwks};
}

identity::VerifierOptions VerifierOptionsOf(const Options &options) {
  return {options.jwt_audience, options.jwt_issuer, options.jwt_role_claim, options.jwt_clock_skew};
}

Authentication::Authentication(identity::KeyStore &keys, identity::VerifierOptions options, Metrics &metrics)
    : keys_(keys), verifier_(std::move(options)) {
  const auto count = [&](Kind kind, const char *reason) {
    refused_.emplace(kind, metrics.Counter("itemize_tokens_refused_total", "Requests refused for their token",
                                           {{"reason", reason}}));
  };
  count(Kind::kUnknownKey, "unknown_key");
  count(Kind::kMalformed, "malformed");
  count(Kind::kSignature, "signature");
  count(Kind::kTime, "time");
  count(Kind::kClaims, "claims");
}

std::optional<Reply> Authentication::Check(const FramedRequest &request, identity::Caller &caller) const {
  caller = nullptr;
  if (!keys_.configured()) return std::nullopt;
  std::optional<std::string_view> token;
  for (const HeaderField &field : request.head.fields) {
    if (!EqualsIgnoringCase(field.name, "Authorization")) continue;
    const auto found = TokenOf(field.value);
    // Credentials of other schemes are for whoever stands in front of us.
    if (!found) continue;
    if (token) return Refusal(Kind::kMalformed, "there are two tokens");
    token = found;
  }
  if (!token) return std::nullopt;
  return CheckToken(request, *token, caller);
}

std::optional<Reply> Authentication::CheckToken(const FramedRequest &request, std::string_view token,
                                                identity::Caller &caller) const {
  const auto await_keys = [this] {
    Reply reply;
    reply.awaits_keys = true;
    reply.park = [&keys = keys_](identity::KeyStore::Wake wake) { keys.AwaitRefresh(std::move(wake)); };
    return reply;
  };
  const bool may_wait = !request.awaited_keys && keys_.MayRefresh();
  const auto keys = keys_.keys();
  if (!keys) {
    if (may_wait) return await_keys();
    return ProblemReply({ProblemKind::kNotReady, "the keys that tokens are verified with cannot be had now", {}});
  }
  auto verdict = verifier_.Verify(token, *keys, std::chrono::system_clock::now());
  if (verdict.kind == Kind::kAccepted) {
    caller = std::move(verdict.caller);
    return std::nullopt;
  }
  if (verdict.kind == Kind::kUnknownKey && may_wait) return await_keys();
  return Refusal(verdict.kind, verdict.reason);
}

Reply Authentication::Refusal(Kind kind, const std::string &reason) const {
  refused_.at(kind).Increment();
  Reply reply = ProblemReply({ProblemKind::kInvalidToken, reason, {}});
  reply.headers.emplace_back("WWW-Authenticate", R"(Bearer error="invalid_token", error_description=")" + reason + '"');
  reply.headers.emplace_back("Cache-Control", "no-store");
  return reply;
}

} // namespace itemize::sidecar::http
