// Who a request comes from, by request.jwt.claims as PostgREST and the sidecar set it, and what that lets it read.
// Plain C++. The sidecar decides everything else by the same rules (sidecar/src/authorization/rule.cpp).
#pragma once

#include <string>
#include <string_view>

namespace itemize {

/// Whether `claims`, a JSON object, may read what is defined with read => `rule`: anybody `everyone`; who has a subject
/// (`sub`) `authenticated`, and of `owner` what is his; who has one of the roles (`role`, a text or a list of texts)
/// `role:NAME,…`. Raises 22023 for claims that are no JSON, and 54000 for more than kMaxFilterBytes of them.
bool ClaimsMayRead(std::string_view rule, std::string_view claims);

/// The subject, empty when there is none. Raises as above.
std::string ClaimedSubject(std::string_view claims);

} // namespace itemize
