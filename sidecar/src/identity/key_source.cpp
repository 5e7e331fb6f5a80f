#include "identity/key_source.hpp"

#include "base/errors.hpp"

#include <httplib.h>

#include <chrono>
#include <fstream>
#include <iterator>

namespace itemize::sidecar::identity {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kHttps = "https://";
constexpr std::string_view kHttp = "http://";
constexpr std::chrono::seconds kStepTimeout{3};
constexpr std::chrono::seconds kFetchTimeout{6};

bool Begins(std::string_view text, std::string_view with) { return text.substr(0, with.size()) == with; }

struct Url {
  /// Scheme, host and port.
  std::string server;
  std::string path;
};

Url SplitUrl(const std::string &url) {
  const std::size_t host = url.find("://") + 3;
  const std::size_t slash = url.find('/', host);
  if (slash == std::string::npos) return {url, "/"};
  return {url.substr(0, slash), url.substr(slash)};
}

/// Of http://: whether nobody else can be on the way.
bool IsLocal(const std::string &server) {
  const std::string_view host = std::string_view(server).substr(kHttp.size());
  for (const std::string_view local : {"127.0.0.1", "localhost", "[::1]"}) {
    if (Begins(host, local) && (host.size() == local.size() || host[local.size()] == ':')) return true;
  }
  return false;
}

/// At most one byte more than `limit`.
std::string ReadFile(const std::string &path, std::size_t limit) {
  std::ifstream file(path, std::ios::binary);
  std::string text(limit + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad() || (file.gcount() == 0 && !file.eof())) throw Error("cannot read " + path);
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

Key ReadSecret(const std::string &path) {
  constexpr std::size_t kMostSecretBytes = 4096;
  std::string secret = ReadFile(path, kMostSecretBytes);
  if (!secret.empty() && secret.back() == '\n') secret.pop_back();
  if (!secret.empty() && secret.back() == '\r') secret.pop_back();
  auto key = secret.size() > kMostSecretBytes ? std::nullopt : Key::OfSecret(std::move(secret));
  if (!key) {
    throw Error(path + " must hold a secret of " + std::to_string(kFewestSecretBytes) + " to " +
                std::to_string(kMostSecretBytes) + " bytes: openssl rand -hex 32 makes one");
  }
  return *std::move(key);
}

template <typename Read>
auto Named(const char *option, Read read) {
  try {
    return read();
  } catch (const Error &error) {
    throw ConfigError(std::string(option) + ": " + error.what());
  }
}

} // namespace

bool IsRemote(const KeySourceOptions &options) { return Begins(options.jwks, kHttps) || Begins(options.jwks, kHttp); }

void CheckKeySource(const KeySourceOptions &options) {
  if (!IsRemote(options)) return;
  const Url url = SplitUrl(options.jwks);
  if (url.server.find('@') != std::string::npos || url.server.back() == '/' ||
      !httplib::Client(url.server).is_valid()) {
    throw ConfigError("--jwks: this is no URL of a key set");
  }
  if (Begins(url.server, kHttp) && !IsLocal(url.server)) {
    throw ConfigError("--jwks: a key set is fetched by https://, and by http:// from this machine only");
  }
}

KeySet ReadKeyFiles(const KeySourceOptions &options) {
  KeySet keys;
  if (!options.jwks.empty() && !IsRemote(options)) {
    keys = Named("--jwks", [&] { return ParseJwks(ReadFile(options.jwks, kMostJwksBytes), Secrets::kTaken); });
  }
  if (!options.secret_file.empty()) {
    keys.push_back(Named("--jwt-secret-file", [&] { return ReadSecret(options.secret_file); }));
  }
  return keys;
}

KeySet FetchKeys(const std::string &url) {
  const Url target = SplitUrl(url);
  httplib::Client client(target.server);
  client.set_connection_timeout(kStepTimeout);
  client.set_read_timeout(kStepTimeout);
  client.set_write_timeout(kStepTimeout);
  client.set_follow_location(false);
  client.set_keep_alive(false);
  const auto give_up = Clock::now() + kFetchTimeout;
  std::string body;
  int status = 0;
  const auto result = client.Get(
      target.path, httplib::Headers{{"Accept", "application/jwk-set+json, application/json"}},
      [&](const httplib::Response &response) {
        status = response.status;
        return status == 200;
      },
      [&](const char *data, std::size_t size) {
        if (body.size() + size > kMostJwksBytes || Clock::now() > give_up) return false;
        body.append(data, size);
        return true;
      });
  if (status != 0 && status != 200) throw Error("--jwks: the server answered " + std::to_string(status));
  if (!result) throw Error("--jwks: " + httplib::to_string(result.error()));
  return Named("--jwks", [&] { return ParseJwks(body, Secrets::kIgnored); });
}

} // namespace itemize::sidecar::identity
