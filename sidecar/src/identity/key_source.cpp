#include "identity/key_source.hpp"

#include "base/errors.hpp"
#include "identity/key_url.hpp"

#include <algorithm>
#include <fstream>

namespace itemize::sidecar::identity {

namespace {

bool Begins(std::string_view text, std::string_view with) { return text.substr(0, with.size()) == with; }

bool IsUrl(const std::string &jwks) { return Begins(jwks, "https://") || Begins(jwks, "http://"); }

/// At most one byte more than `limit`.
std::string ReadFile(const std::string &path, std::size_t limit) {
  std::ifstream file(path, std::ios::binary);
  std::string text(limit + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad() || (file.gcount() == 0 && !file.eof())) throw Error("cannot read " + path);
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

/// A public key, say: whoever knows it could sign with it as a secret.
bool IsOtherKey(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n\f\v"), text.size()));
  return Begins(text, "-----BEGIN") || Begins(text, "{");
}

Key ReadSecret(const std::string &path) {
  constexpr std::size_t kMostSecretBytes = 4096;
  std::string secret = ReadFile(path, kMostSecretBytes);
  if (IsOtherKey(secret)) {
    throw Error(path +
                " begins like a key in PEM or JSON; it must hold the secret of HS256 alone. Public keys are given by "
                "--jwks, as a JSON Web Key Set");
  }
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

KeySource SecretFile(const std::string &path) {
  return {false, [path](const StopToken & /*stop*/) {
            return Named("--jwt-secret-file", [&] { return KeySet{ReadSecret(path)}; });
          }};
}

KeySource KeySetFile(const std::string &path) {
  return {false, [path](const StopToken & /*stop*/) {
            return Named("--jwks", [&] { return ParseJwks(ReadFile(path, kMostJwksBytes), Secrets::kTaken); });
          }};
}

KeySource KeySetUrl(const std::string &url) {
  CheckKeyUrl(url);
  return {true, [url](const StopToken &stop) {
            const std::string text = FetchKeyUrl(url, stop);
            return Named("--jwks", [&] { return ParseJwks(text, Secrets::kIgnored); });
          }};
}

} // namespace

std::vector<KeySource> KeySourcesOf(const KeySourceOptions &options) {
  std::vector<KeySource> sources;
  if (!options.jwks.empty())
    sources.push_back(IsUrl(options.jwks) ? KeySetUrl(options.jwks) : KeySetFile(options.jwks));
  if (!options.secret_file.empty()) sources.push_back(SecretFile(options.secret_file));
  return sources;
}

KeySet ReadFirst(const KeySource &source, const StopToken &stop) {
  KeySet keys = source.read(stop);
  if (keys.empty()) {
    throw ConfigError(
        "--jwks: the key set has no key for HS256 (of a file, from 32 bytes on), RS256 (from 2048 bits on), "
        "ES256 or EdDSA (Ed25519)");
  }
  return keys;
}

} // namespace itemize::sidecar::identity
