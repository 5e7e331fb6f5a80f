// Authorization: Bearer … (RFC 6750) as an identity. Only in that field: a token in a URL would stand in logs,
// histories and referrers.
#pragma once

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
  Authentication(identity::KeyStore &keys, identity::VerifierOptions options, Metrics &metrics);

  /// Says in `caller` who asks: null for nobody in particular, as everybody is where no keys are configured. Nothing
  /// but when the request is not to be answered: its refusal, or where it waits for keys.
  [[nodiscard]] std::optional<Reply> Check(const FramedRequest &request, identity::Caller &caller) const;

private:
  [[nodiscard]] std::optional<Reply> CheckToken(const FramedRequest &request, std::string_view token,
                                                identity::Caller &caller) const;
  [[nodiscard]] Reply Refusal(identity::Verdict::Kind kind, const std::string &reason) const;

  identity::KeyStore &keys_;
  const identity::Verifier verifier_;
  /// There from the start: a counter that begins with its first refusal shows no rise.
  std::map<identity::Verdict::Kind, prometheus::Counter &> refused_;
};

} // namespace itemize::sidecar::http
