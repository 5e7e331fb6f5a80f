#include "http/problem.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <stdexcept>
#include <utility>

namespace itemize::sidecar::http {

namespace {

constexpr std::array<ProblemText, 37> kProblems{{
    {ProblemKind::kBadRequest, "bad-request", 400, "Bad Request", 0},
    {ProblemKind::kMalformedKey, "malformed-key", 400, "Malformed Key", 0},
    {ProblemKind::kUnknownParameter, "unknown-parameter", 400, "Unknown Parameter", 0},
    {ProblemKind::kRefusedByApplication, "refused-by-application", 400, "Refused by the Application", 0},
    {ProblemKind::kInvalidToken, "invalid-token", 401, "Invalid Token", 0},
    {ProblemKind::kTokenNeeded, "token-needed", 401, "Token Needed", 0},
    {ProblemKind::kForbidden, "forbidden", 403, "Forbidden", 0},
    {ProblemKind::kInsufficientScope, "insufficient-scope", 403, "Insufficient Scope", 0},
    {ProblemKind::kBlocked, "blocked", 403, "Blocked", 0},
    {ProblemKind::kNotFound, "not-found", 404, "Not Found", 0},
    {ProblemKind::kMethodNotAllowed, "method-not-allowed", 405, "Method Not Allowed", 0},
    {ProblemKind::kRequestTimeout, "request-timeout", 408, "Request Timeout", 0},
    {ProblemKind::kConflict, "conflict", 409, "Conflict", 0},
    {ProblemKind::kRequestInFlight, "request-in-flight", 409, "Request in Flight", 1},
    {ProblemKind::kPreconditionFailed, "precondition-failed", 412, "Precondition Failed", 0},
    {ProblemKind::kPositionOfAnotherEpoch, "position-of-another-epoch", 412, "Position of Another Epoch", 0},
    {ProblemKind::kContentTooLarge, "content-too-large", 413, "Content Too Large", 0},
    {ProblemKind::kUriTooLong, "uri-too-long", 414, "URI Too Long", 0},
    {ProblemKind::kUnsupportedMediaType, "unsupported-media-type", 415, "Unsupported Media Type", 0},
    {ProblemKind::kExpectationFailed, "expectation-failed", 417, "Expectation Failed", 0},
    {ProblemKind::kInvalidItem, "invalid-item", 422, "Invalid Item", 0},
    {ProblemKind::kIdempotencyKeyReused, "idempotency-key-reused", 422, "Idempotency-Key Reused", 0},
    {ProblemKind::kTooManyRequests, "too-many-requests", 429, "Too Many Requests", 1},
    {ProblemKind::kHeadTooLarge, "head-too-large", 431, "Request Header Fields Too Large", 0},
    {ProblemKind::kInternal, "internal", 500, "Internal Server Error", 0},
    {ProblemKind::kItemUnencodable, "item-unencodable", 500, "Item Unencodable", 0},
    {ProblemKind::kMethodUnknown, "method-unknown", 501, "Not Implemented", 0},
    {ProblemKind::kOutcomeUnknown, "outcome-unknown", 502, "Outcome Unknown", 0},
    {ProblemKind::kWriteContended, "write-contended", 503, "Write Contended", 1},
    {ProblemKind::kOverloaded, "overloaded", 503, "Overloaded", 1},
    {ProblemKind::kPositionNotReached, "position-not-reached", 503, "Position Not Reached", 1},
    {ProblemKind::kNotReady, "not-ready", 503, "Not Ready", 1},
    {ProblemKind::kDatabaseUnavailable, "database-unavailable", 503, "Database Unavailable", 2},
    {ProblemKind::kDatabaseRefuses, "database-refuses", 503, "Database Refuses", 10},
    {ProblemKind::kSearchTimeout, "search-timeout", 504, "Search Timeout", 5},
    {ProblemKind::kWriteTimeout, "write-timeout", 504, "Write Timeout", 5},
    {ProblemKind::kVersionNotSupported, "version-not-supported", 505, "HTTP Version Not Supported", 0},
}};

} // namespace

const ProblemText &TextOf(ProblemKind kind) {
  for (const ProblemText &text : kProblems) {
    if (text.kind == kind) return text;
  }
  throw std::logic_error("a kind of problem is missing from the table");
}

std::string JsonString(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Problem TooManyRequests(std::string detail, int seconds) {
  Problem problem{ProblemKind::kTooManyRequests, std::move(detail), {}};
  problem.retry_after = seconds;
  return problem;
}

int RetryAfterOf(const Problem &problem) {
  return problem.retry_after != 0 ? problem.retry_after : TextOf(problem.kind).retry_after;
}

Problem BadRequest(std::string detail) { return {ProblemKind::kBadRequest, std::move(detail), {}}; }

std::string Quoted(std::string_view text) {
  constexpr std::size_t kShown = 100;
  return '\'' + std::string(text.substr(0, kShown)) + '\'';
}

int StatusOf(const Problem &problem) { return problem.status != 0 ? problem.status : TextOf(problem.kind).status; }

std::string ProblemBody(const Problem &problem) {
  const ProblemText &text = TextOf(problem.kind);
  std::string body = R"({"type":"urn:itemize:problem:)";
  body += text.name;
  body += R"(","title":)";
  body += JsonString(text.title);
  body += R"(,"status":)";
  body += std::to_string(StatusOf(problem));
  if (!problem.detail.empty()) {
    body += R"(,"detail":)";
    body += JsonString(problem.detail);
  }
  for (const auto &[name, value] : problem.members) {
    if (!value.empty()) body += ',' + JsonString(name) + ':' + JsonString(value);
  }
  if (problem.operation) body += R"(,"operation":)" + std::to_string(*problem.operation);
  body += "}\n";
  return body;
}

std::string ProblemResponse(const Problem &problem) {
  const ProblemText &text = TextOf(problem.kind);
  const std::string body = ProblemBody(problem);
  std::string response = "HTTP/1.1 " + std::to_string(text.status) + ' ';
  response += text.title;
  response += "\r\nContent-Type: ";
  response += kProblemContentType;
  response += "\r\nContent-Length: " + std::to_string(body.size());
  if (RetryAfterOf(problem) > 0) response += "\r\nRetry-After: " + std::to_string(RetryAfterOf(problem));
  if (!problem.allow.empty()) response += "\r\nAllow: " + problem.allow;
  response += "\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n";
  return response + body;
}

} // namespace itemize::sidecar::http
