// Errors as RFC 9457 problem details: the one table of what can go wrong over HTTP.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace itemize::sidecar::http {

/// Every kind of problem a client can be told. The `type` URI of each is stable:
/// `urn:itemize:problem:<name>`.
enum class ProblemKind {
  kBadRequest,
  kMalformedKey,
  kUnknownParameter,
  kRefusedByApplication,
  kInvalidToken,
  kTokenNeeded,
  kForbidden,
  kInsufficientScope,
  kBlocked,
  kNotFound,
  kMethodNotAllowed,
  kRequestTimeout,
  kConflict,
  kRequestInFlight,
  kPreconditionFailed,
  kContentTooLarge,
  kUriTooLong,
  kUnsupportedMediaType,
  kExpectationFailed,
  kInvalidItem,
  kIdempotencyKeyReused,
  kTooManyRequests,
  kHeadTooLarge,
  kInternal,
  kItemUnencodable,
  kMethodUnknown,
  kOutcomeUnknown,
  kWriteContended,
  kPositionOfAnotherEpoch,
  kPositionNotReached,
  kOverloaded,
  kNotReady,
  kDatabaseUnavailable,
  kDatabaseRefuses,
  kSearchTimeout,
  kWriteTimeout,
  kVersionNotSupported,
};

/// What a kind always says, whatever the instance.
struct ProblemText {
  ProblemKind kind;
  std::string_view name;
  int status;
  std::string_view title;
  /// Seconds for Retry-After; 0 sends none.
  int retry_after;
};

[[nodiscard]] const ProblemText &TextOf(ProblemKind kind);

/// One instance of a problem. `detail` says what was wrong with which input, and what to do.
struct Problem {
  ProblemKind kind = ProblemKind::kInternal;
  std::string detail;
  /// Value of the Allow header; only with kMethodNotAllowed.
  std::string allow;
  /// Further members (RFC 9457 section 3.2); those without a value are left out.
  std::vector<std::pair<std::string, std::string>> members = {};
  /// Instead of the kind's own; 0: that. Only with kRefusedByApplication.
  int status = 0;
  /// Of a batch: which of its operations it is about.
  std::optional<std::size_t> operation = std::nullopt;
  /// Seconds for Retry-After instead of the kind's own; 0: that.
  int retry_after = 0;
};

/// 429: to be tried again in so many seconds.
[[nodiscard]] Problem TooManyRequests(std::string detail, int seconds);

/// Seconds for Retry-After; 0 sends none.
[[nodiscard]] int RetryAfterOf(const Problem &problem);

/// The request is wrong: `detail` says in what.
[[nodiscard]] Problem BadRequest(std::string detail);

/// The beginning of what a client wrote, in quotes, for a detail.
[[nodiscard]] std::string Quoted(std::string_view text);

inline constexpr std::string_view kProblemContentType = "application/problem+json";

[[nodiscard]] int StatusOf(const Problem &problem);

/// The body `{"type":…,"title":…,"status":…,"detail":…}`, and the further members.
[[nodiscard]] std::string ProblemBody(const Problem &problem);

/// A whole response that closes the connection, for failures met before there is a request to answer.
[[nodiscard]] std::string ProblemResponse(const Problem &problem);

/// `text` as a JSON string with its quotes. Bytes that are no UTF-8 become U+FFFD.
[[nodiscard]] std::string JsonString(std::string_view text);

} // namespace itemize::sidecar::http
