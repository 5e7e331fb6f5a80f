// Authorization: Bearer … (RFC 6750) as an identity: a signed token, or an API token of itemize.create_token. Only in
// that field: a token in a URL would stand in logs, histories and referrers.
#pragma once

#include "admission/inquiries.hpp"
#include "http/client_limits.hpp"
#include "http/reply.hpp"
#include "http/request_framer.hpp"
#include "identity/key_store.hpp"
#include "identity/verifier.hpp"
#include "options.hpp"

#include <map>
#include <optional>

namespace itemize::sidecar::http {

[[nodiscard]] identity::KeySourceOptions KeySourceOptionsOf(const Options &options);
[[nodiscard]] identity::VerifierOptions VerifierOptionsOf(const Options &options);

/// What all workers share. Thread-safe.
class Authentication {
public:
  Authentication(identity::KeyStore &keys, identity::VerifierOptions options, Metrics &metrics,
                 admission::Register &known, admission::Inquire inquire, ClientLimits &limits);

  /// Says in `caller` who asks: null for nobody in particular, as everybody without an API token is where no keys are
  /// configured. Nothing but when the request is not to be answered: its refusal, or where it waits for keys or for
  /// what is not known of its caller.
  [[nodiscard]] std::optional<Reply> Check(const FramedRequest &request, identity::Caller &caller) const;

private:
  using Time = std::chrono::steady_clock::time_point;

  [[nodiscard]] std::optional<Reply> CheckApiToken(const FramedRequest &request, std::string_view token,
                                                   identity::Caller &caller) const;
  /// What is known of the caller besides his token: whether his subject is blocked.
  [[nodiscard]] std::optional<Reply> CheckSubject(const FramedRequest &request, identity::Caller &caller) const;
  /// The limits of his token, and of himself: each request is counted once.
  [[nodiscard]] std::optional<Reply> CheckRates(const FramedRequest &request, const identity::Identity &caller) const;
  /// Parks the request until that is known; nothing when it has been tried.
  [[nodiscard]] std::optional<Reply> Inquire(const FramedRequest &request, const std::string &token_hash,
                                             const std::string &subject_hash) const;
  [[nodiscard]] std::optional<Reply> CheckToken(const FramedRequest &request, std::string_view token,
                                                identity::Caller &caller) const;
  [[nodiscard]] Reply Refusal(identity::Verdict::Kind kind, const std::string &reason) const;

  identity::KeyStore &keys_;
  admission::Register &known_;
  const admission::Inquire inquire_;
  ClientLimits &limits_;
  mutable Limiter limiter_;
  const identity::Verifier verifier_;
  /// There from the start: a counter that begins with its first refusal shows no rise.
  std::map<identity::Verdict::Kind, prometheus::Counter &> refused_;
  prometheus::Counter &lacks_scope_;
  prometheus::Counter &blocked_;
  prometheus::Counter &limited_;
};

} // namespace itemize::sidecar::http
