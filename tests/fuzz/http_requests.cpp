// Bytes of a connection: requests are the same however the bytes arrive, and what their fields say is read without
// harm. The first byte says how the rest is cut.
#include "fuzz.hpp"

#include "http/content_coding.hpp"
#include "http/entity_tag.hpp"
#include "http/idempotency.hpp"
#include "http/min_position.hpp"
#include "http/request_framer.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace {

using namespace itemize::sidecar::http;

struct Seen {
  std::vector<std::string> requests;
  RequestFramer::State end = RequestFramer::State::kIdle;
};

std::string Written(const FramedRequest &request) {
  std::string text = request.head.method + ' ' + request.head.target + '\n';
  for (const HeaderField &field : request.head.fields)
    text += field.name + ": " + field.value + '\n';
  return text + '\n' + request.body;
}

/// What says whether a write is made.
void TryConditions(const FramedRequest &request) {
  constexpr std::string_view kTag = R"("a")";
  if (const auto match = request.head.FindAll("If-Match")) {
    const bool names_it = match->find("\"a") != std::string::npos || match->find('*') != std::string::npos;
    fuzz::Require(names_it || !IfMatchHits(*match, kTag), "a condition holds for what it names");
  }
  const auto once = ParseOnce(request, nullptr);
  if (const auto *known = std::get_if<std::optional<itemize::sidecar::write::Once>>(&once))
    fuzz::Require(known->has_value() == request.head.FindAll("Idempotency-Key").has_value(),
                  "a key is taken or refused");
}

Seen Feed(std::string_view bytes, std::size_t step) {
  RequestFramer framer;
  Seen seen;
  // Of a connection that sends on, only what is complete is taken away.
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    framer.Feed(bytes.substr(at, step));
    framer.TakeContinue();
    while (framer.state() == RequestFramer::State::kComplete) {
      const FramedRequest request = framer.Take();
      const AcceptedCodings accepted(request.head);
      (void)accepted;
      TryConditions(request);
      (void)FindPreference(request.head, "wait");
      seen.requests.push_back(Written(request));
    }
    if (framer.state() == RequestFramer::State::kFailed) break;
  }
  seen.end = framer.state();
  return seen;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes = fuzz::TextOf(data + 1, size - 1);
  const Seen whole = Feed(bytes, std::max<std::size_t>(1, bytes.size()));
  const Seen cut = Feed(bytes, std::size_t{1} + data[0]);
  fuzz::Require(whole.requests == cut.requests, "a cut changes no request");
  fuzz::Require(whole.end == cut.end, "nor how the connection ends");
  return 0;
}
