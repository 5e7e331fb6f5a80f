#include "redis/endpoint.hpp"

#include "base/errors.hpp"
#include "itemize/key_text.hpp"
#include "itemize/lsn.hpp"

namespace itemize::sidecar {
namespace {

constexpr std::string_view kForms =
    "; expected redis://[user:password@]host[:port][/database] or unix://[user:password@]/path[?db=N]";

[[noreturn]] void Refuse(const std::string &what) { throw ConfigError("Redis URL: " + what + std::string(kForms)); }

std::string Decode(std::string_view text) {
  auto decoded = PercentDecode(text);
  if (!decoded) Refuse("malformed percent-encoding");
  return std::move(*decoded);
}

int ParseNumber(std::string_view text, std::uint64_t largest, const char *what) {
  const auto number = ParseUint64(text);
  if (!number || *number > largest) Refuse(std::string(what) + " is not a number up to " + std::to_string(largest));
  return static_cast<int>(*number);
}

bool TakePrefix(std::string_view &text, std::string_view prefix) {
  if (text.substr(0, prefix.size()) != prefix) return false;
  text.remove_prefix(prefix.size());
  return true;
}

/// user:password@ off the front of the rest.
void TakeCredentials(std::string_view &rest, RedisEndpoint &endpoint) {
  const std::size_t at = rest.rfind('@', rest.find('/'));
  if (at == std::string_view::npos) return;
  const std::string_view credentials = rest.substr(0, at);
  rest.remove_prefix(at + 1);
  const std::size_t colon = credentials.find(':');
  if (colon == std::string_view::npos) Refuse("credentials without a colon");
  endpoint.user = Decode(credentials.substr(0, colon));
  endpoint.password = Decode(credentials.substr(colon + 1));
  if (endpoint.password.empty()) Refuse("empty password");
}

void ParseTcp(std::string_view rest, RedisEndpoint &endpoint) {
  const std::size_t slash = rest.find('/');
  std::string_view authority = rest.substr(0, slash);
  if (slash != std::string_view::npos && slash + 1 < rest.size()) {
    endpoint.database = ParseNumber(rest.substr(slash + 1), 65535, "the database");
  }
  std::string_view port;
  if (!authority.empty() && authority.front() == '[') { // RFC 3986 section 3.2.2: an IPv6 literal
    const std::size_t close = authority.find(']');
    if (close == std::string_view::npos) Refuse("an IPv6 address without its closing bracket");
    endpoint.host = std::string(authority.substr(1, close - 1));
    authority.remove_prefix(close + 1);
    if (!authority.empty() && authority.front() != ':') Refuse("characters after an IPv6 address");
    if (!authority.empty()) port = authority.substr(1);
  } else {
    const std::size_t colon = authority.find(':');
    endpoint.host = Decode(authority.substr(0, colon));
    if (colon != std::string_view::npos) port = authority.substr(colon + 1);
  }
  if (endpoint.host.empty()) Refuse("no host");
  if (!port.empty()) endpoint.port = ParseNumber(port, 65535, "the port");
}

void ParseUnix(std::string_view rest, RedisEndpoint &endpoint) {
  const std::size_t question = rest.find('?');
  endpoint.socket_path = Decode(rest.substr(0, question));
  if (endpoint.socket_path.empty() || endpoint.socket_path.front() != '/') Refuse("no absolute path");
  if (question == std::string_view::npos) return;
  std::string_view query = rest.substr(question + 1);
  if (!TakePrefix(query, "db=")) Refuse("the only parameter is db");
  endpoint.database = ParseNumber(query, 65535, "the database");
}

} // namespace

RedisEndpoint ParseRedisUrl(std::string_view url) {
  RedisEndpoint endpoint;
  if (TakePrefix(url, "redis://")) {
    TakeCredentials(url, endpoint);
    ParseTcp(url, endpoint);
  } else if (TakePrefix(url, "unix://")) {
    TakeCredentials(url, endpoint);
    ParseUnix(url, endpoint);
  } else {
    Refuse("unknown scheme");
  }
  return endpoint;
}

std::string WithRedisPassword(std::string_view url, std::string_view password) {
  const std::size_t scheme_end = url.find("://");
  if (scheme_end == std::string_view::npos) Refuse("unknown scheme");
  const std::size_t begin = scheme_end + 3;
  const std::size_t slash = url.find('/', begin);
  const std::size_t at = url.substr(0, slash).rfind('@');
  std::string_view user;
  std::string_view place = url.substr(begin);
  if (at != std::string_view::npos && at >= begin) {
    user = url.substr(begin, at - begin);
    place = url.substr(at + 1);
  }
  if (user.find(':') != std::string_view::npos) throw ConfigError("the Redis URL holds a password already");
  return std::string(url.substr(0, begin)) + std::string(user) + ':' + PercentEncode(password) + '@' +
         std::string(place);
}

std::string RedisEndpoint::Describe() const {
  const std::string place = socket_path.empty() ? host + ':' + std::to_string(port) : socket_path;
  return database == 0 ? place : place + '/' + std::to_string(database);
}

} // namespace itemize::sidecar
