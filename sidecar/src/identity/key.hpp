// Keys that tokens are verified with. Each has exactly one algorithm, by its kind and not by what a token says: a
// public key is never taken for a secret.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// As in openssl/types.h, which only key.cpp needs.
using EVP_PKEY = struct evp_pkey_st; // NOLINT(readability-identifier-naming): OpenSSL's name

namespace itemize::sidecar::identity {

/// RFC 7518 section 3.1, RFC 8037 section 3.1. There is no other, and no `none`.
enum class Algorithm : std::uint8_t { kHs256, kRs256, kEs256, kEdDsa };

/// Its name in the header of a token; nothing for any other.
[[nodiscard]] std::optional<Algorithm> ParseAlgorithm(std::string_view name);

/// RFC 7518 section 3.2: a secret has at least as many bits as the hash.
inline constexpr std::size_t kFewestSecretBytes = 32;

class Key {
public:
  // RFC 7517 and 7518; `n`, `e`, `x` and `y` are the decoded bytes. Nothing for what is too weak, too long to be borne,
  // or no key at all.

  [[nodiscard]] static std::optional<Key> OfSecret(std::string secret);
  [[nodiscard]] static std::optional<Key> OfRsa(const std::string &n, const std::string &e);
  /// On the curve P-256.
  [[nodiscard]] static std::optional<Key> OfEc(const std::string &x, const std::string &y);
  /// Ed25519.
  [[nodiscard]] static std::optional<Key> OfEd25519(const std::string &x);

  [[nodiscard]] Algorithm algorithm() const { return algorithm_; }
  /// Empty: a token with any `kid` may be signed with it, and one without.
  [[nodiscard]] const std::string &id() const { return id_; }
  void set_id(std::string id) { id_ = std::move(id); }

  /// Whether `signature` (its bytes) is this key's of `input`.
  [[nodiscard]] bool Verifies(std::string_view input, std::string_view signature) const;

private:
  Key(Algorithm algorithm, std::string secret, std::shared_ptr<EVP_PKEY> public_key)
      : algorithm_(algorithm), secret_(std::move(secret)), public_key_(std::move(public_key)) {}

  Algorithm algorithm_;
  std::string id_;
  std::string secret_;
  std::shared_ptr<EVP_PKEY> public_key_;
};

using KeySet = std::vector<Key>;

} // namespace itemize::sidecar::identity
