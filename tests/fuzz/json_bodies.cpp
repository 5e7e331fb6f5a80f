// JSON from clients: bodies, messages over a WebSocket, claims. What is taken as JSON is JSON.
#include "fuzz.hpp"

#include "http/socket_messages.hpp"
#include "identity/strict_json.hpp"

#include <nlohmann/json.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  using namespace itemize::sidecar;
  const std::string_view text = fuzz::TextOf(data, size);
  if (const auto object = identity::ParseStrictObject(text))
    fuzz::Require(nlohmann::json::parse(text, nullptr, false) == *object, "strict JSON is JSON");
  const auto message = http::ParseSocketRequest(text);
  const std::string &id = std::holds_alternative<http::SocketRequest>(message)
                              ? std::get<http::SocketRequest>(message).id
                              : std::get<http::SocketRefusal>(message).id;
  fuzz::Require(nlohmann::json::accept(http::SocketDone(id)), "an answer is JSON, whatever the id");
  return 0;
}
