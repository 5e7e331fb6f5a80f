#include "http/authentication.hpp"

#include "http/target.hpp"
#include "identity/api_token.hpp"

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

prometheus::Counter &CountRefused(Metrics &metrics, const char *reason) {
  return metrics.Counter("itemize_tokens_refused_total", "Requests refused for their token", {{"reason", reason}});
}

/// What a token must be for; nothing: any. A path that is not known here is read or written by its method.
std::optional<identity::Scope> ScopeOf(const RequestHead &head) {
  const Target target = SplitTarget(head.target);
  const auto path = PathSegments(target.path);
  const std::string_view what = path.size() > 1 ? std::string_view(path[1]) : std::string_view();
  if (what == "caller") return std::nullopt;
  if (what == "live") return identity::Scope::kLive;
  if (what == "search" || what == "facets" || what == "clusters") return identity::Scope::kSearch;
  const bool reads = head.method == "GET" || head.method == "HEAD" || what == "feedback";
  return reads ? identity::Scope::kRead : identity::Scope::kWrite;
}

std::string_view NameOf(identity::Scope scope) {
  switch (scope) {
  case identity::Scope::kRead: return "read";
  case identity::Scope::kSearch: return "search";
  case identity::Scope::kLive: return "live";
  case identity::Scope::kWrite: return "write";
  }
  return {};
}

/// For who asks, and for nobody else.
Reply PrivateProblem(const Problem &problem) {
  Reply reply = ProblemReply(problem);
  reply.headers.emplace_back("Cache-Control", "no-store");
  return reply;
}

/// The same caller, as of when that was learned.
identity::Caller AsOf(const identity::Caller &caller, std::chrono::steady_clock::time_point time) {
  auto copy = std::make_shared<identity::Identity>(*caller);
  copy->verified = std::min(copy->verified, time);
  return copy;
}

} // namespace

identity::KeySourceOptions KeySourceOptionsOf(const Options &options) {
  return {options.jwt_secret_file, options.jwks};
}

identity::VerifierOptions VerifierOptionsOf(const Options &options) {
  return {options.jwt_audience, options.jwt_issuer, options.jwt_role_claim, options.jwt_clock_skew};
}

Authentication::Authentication(identity::KeyStore &keys, identity::VerifierOptions options, Metrics &metrics,
                               admission::Register &known, admission::Inquire inquire, ClientLimits &limits)
    : keys_(keys), known_(known), inquire_(std::move(inquire)), limits_(limits), verifier_(std::move(options)),
      lacks_scope_(CountRefused(metrics, "scope")), blocked_(CountRefused(metrics, "blocked")),
      limited_(CountRefused(metrics, "rate")) {
  const auto count = [&](Kind kind, const char *reason) { refused_.emplace(kind, CountRefused(metrics, reason)); };
  count(Kind::kUnknown, "unknown");
  count(Kind::kUnknownKey, "unknown_key");
  count(Kind::kMalformed, "malformed");
  count(Kind::kSignature, "signature");
  count(Kind::kTime, "time");
  count(Kind::kClaims, "claims");
}

std::optional<Reply> Authentication::Check(const FramedRequest &request, identity::Caller &caller) const {
  caller = nullptr;
  std::optional<std::string_view> token;
  for (const HeaderField &field : request.head.fields) {
    if (!EqualsIgnoringCase(field.name, "Authorization")) continue;
    const auto found = TokenOf(field.value);
    // Credentials of other schemes are for whoever stands in front of us, as all signed tokens are where there are no
    // keys.
    if (!found || (!keys_.configured() && !identity::IsApiToken(*found))) continue;
    if (token) return Refusal(Kind::kMalformed, "there are two tokens");
    token = found;
  }
  if (!token) return std::nullopt;
  if (identity::IsApiToken(*token)) return CheckApiToken(request, *token, caller);
  if (auto reply = CheckToken(request, *token, caller)) return reply;
  if (auto reply = CheckSubject(request, caller)) return reply;
  return CheckRates(request, *caller);
}

std::optional<Reply> Authentication::CheckRates(const FramedRequest &request, const identity::Identity &caller) const {
  if (std::exchange(request.counted, true)) return std::nullopt;
  if (const int wait = caller.rate ? limiter_.Take(caller.token_hash, *caller.rate) : 0; wait > 0) {
    limited_.Increment();
    return PrivateProblem(TooManyRequests("the API token makes more requests than it may", wait));
  }
  const int wait = limits_.TakeOfClient(caller.subject_hash);
  if (wait == 0) return std::nullopt;
  return PrivateProblem(TooManyRequests("the subject of the token makes more requests than it may", wait));
}

std::optional<Reply> Authentication::Inquire(const FramedRequest &request, const std::string &token_hash,
                                             const std::string &subject_hash) const {
  if (request.inquiry || !inquire_) return std::nullopt;
  Reply reply;
  reply.inquiry = std::make_shared<admission::Inquiry>();
  reply.inquiry->token_hash = token_hash;
  reply.inquiry->subject_hash = subject_hash;
  reply.park = [&inquire = inquire_, inquiry = reply.inquiry](read::Wake wake) { inquire(inquiry, std::move(wake)); };
  return reply;
}

std::optional<Reply> Authentication::CheckApiToken(const FramedRequest &request, std::string_view token,
                                                   identity::Caller &caller) const {
  using Trust = admission::Register::Trust;
  const Time now = std::chrono::steady_clock::now();
  const auto hash = identity::ApiTokenHash(token);
  if (!hash) return Refusal(Kind::kMalformed, "this is no API token");
  Time as_of = now;
  auto known = known_.FindToken(*hash, Trust::kCurrent);
  if (!known) {
    if (auto reply = Inquire(request, *hash, {})) return reply;
    if (request.inquiry && request.inquiry->caller && request.inquiry->token_hash == *hash) {
      known = request.inquiry->caller;
      as_of = request.inquiry->begun;
    } else {
      // Neither Redis nor the database can tell: what was good when they last could still is, all else is not let in.
      known = known_.FindToken(*hash, Trust::kWhateverIsHeld);
      if (!known || !*known)
        return PrivateProblem({ProblemKind::kNotReady, "whether the API token is good cannot be told now", {}});
    }
  }
  if (!*known) return Refusal(Kind::kUnknown, "the API token is not known, or has been revoked");
  const identity::Identity &identity = **known;
  if (identity.expires <= std::chrono::system_clock::now()) return Refusal(Kind::kTime, "the API token has expired");
  const auto scope = ScopeOf(request.head);
  if (scope && !identity.Has(*scope)) {
    lacks_scope_.Increment();
    const std::string name(NameOf(*scope));
    Reply reply = PrivateProblem({ProblemKind::kInsufficientScope, "the API token lacks the scope " + name, {}});
    reply.headers.emplace_back("WWW-Authenticate", R"(Bearer error="insufficient_scope", scope=")" + name + '"');
    return reply;
  }
  auto copy = std::make_shared<identity::Identity>(identity);
  copy->verified = as_of;
  caller = std::move(copy);
  if (auto reply = CheckSubject(request, caller)) return reply;
  return CheckRates(request, *caller);
}

std::optional<Reply> Authentication::CheckSubject(const FramedRequest &request, identity::Caller &caller) const {
  using Trust = admission::Register::Trust;
  if (caller->subject_hash.empty()) return std::nullopt;
  const std::string &hash = caller->subject_hash;
  auto block = known_.FindBlock(hash, Trust::kCurrent);
  if (!block) {
    if (auto reply = Inquire(request, {}, hash)) {
      caller = nullptr;
      return reply;
    }
    if (request.inquiry && request.inquiry->block && request.inquiry->subject_hash == hash) {
      block = request.inquiry->block;
      caller = AsOf(caller, request.inquiry->begun);
    } else {
      block = known_.FindBlock(hash, Trust::kWhateverIsHeld);
    }
  }
  if (!block) {
    // His token says who he is: what is held can be shown to him. What he writes cannot be taken back.
    if (!inquire_ || ScopeOf(request.head) != identity::Scope::kWrite) return std::nullopt;
    caller = nullptr;
    return PrivateProblem({ProblemKind::kNotReady, "whether the caller is blocked cannot be told now", {}});
  }
  if (!block->HoldsAt(std::chrono::system_clock::now())) return std::nullopt;
  caller = nullptr;
  blocked_.Increment();
  return PrivateProblem({ProblemKind::kBlocked, "the subject of the token is blocked", {}});
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
