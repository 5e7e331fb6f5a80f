#include "identity/key.hpp"

#include "base/freed.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>

#include <array>

namespace itemize::sidecar::identity {

namespace {

constexpr int kFewestRsaBits = 2048; // RFC 7518 section 3.3
constexpr int kMostRsaBits = 8192;   // each verification costs by its square
constexpr int kMostExponentBits = 64;
constexpr std::size_t kP256Bytes = 32;
constexpr std::size_t kEd25519Bytes = 32;
constexpr char kUncompressedPoint = 4; // SEC 1, section 2.3.3

using BigNumber = std::unique_ptr<BIGNUM, Freed<&BN_free>>;
using Parameters = std::unique_ptr<OSSL_PARAM, Freed<&OSSL_PARAM_free>>;
using Builder = std::unique_ptr<OSSL_PARAM_BLD, Freed<&OSSL_PARAM_BLD_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Freed<&EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Freed<&EVP_MD_CTX_free>>;
using EcdsaSignature = std::unique_ptr<ECDSA_SIG, Freed<&ECDSA_SIG_free>>;

const unsigned char *Bytes(std::string_view text) { return reinterpret_cast<const unsigned char *>(text.data()); }

BigNumber NumberOf(std::string_view bytes) {
  return BigNumber(BN_bin2bn(Bytes(bytes), static_cast<int>(bytes.size()), nullptr));
}

/// What OpenSSL noted of a failure belongs to nobody else.
class ErrorScope {
public:
  ErrorScope() = default;
  ErrorScope(const ErrorScope &) = delete;
  ErrorScope &operator=(const ErrorScope &) = delete;
  ~ErrorScope() { ERR_clear_error(); }
};

std::shared_ptr<EVP_PKEY> Shared(EVP_PKEY *key) {
  return key == nullptr ? nullptr : std::shared_ptr<EVP_PKEY>(key, &EVP_PKEY_free);
}

/// Null when the parameters are no public key of that type; a point off the curve is none.
std::shared_ptr<EVP_PKEY> PublicKey(const char *type, OSSL_PARAM_BLD *builder) {
  const Parameters parameters(OSSL_PARAM_BLD_to_param(builder));
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY *key = nullptr;
  if (!parameters || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) {
    return nullptr;
  }
  auto shared = Shared(key);
  const KeyContext check(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  if (!check || EVP_PKEY_public_check(check.get()) != 1) return nullptr;
  return shared;
}

/// RFC 7518 section 3.4 has r and s side by side, OpenSSL wants them in DER.
std::optional<std::string> DerSignature(std::string_view signature) {
  if (signature.size() != 2 * kP256Bytes) return std::nullopt;
  const EcdsaSignature pair(ECDSA_SIG_new());
  BigNumber r = NumberOf(signature.substr(0, kP256Bytes));
  BigNumber s = NumberOf(signature.substr(kP256Bytes));
  if (!pair || !r || !s || ECDSA_SIG_set0(pair.get(), r.get(), s.get()) != 1) return std::nullopt;
  (void)r.release(); // the pair has them now
  (void)s.release();
  std::array<unsigned char, 4 * kP256Bytes> der{};
  unsigned char *end = der.data();
  const int length = i2d_ECDSA_SIG(pair.get(), &end);
  if (length <= 0) return std::nullopt;
  return std::string(reinterpret_cast<const char *>(der.data()), static_cast<std::size_t>(length));
}

bool VerifiesHmac(std::string_view secret, std::string_view input, std::string_view signature) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> expected{};
  unsigned length = 0;
  if (HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), Bytes(input), input.size(), expected.data(),
           &length) == nullptr) {
    return false;
  }
  return signature.size() == length && CRYPTO_memcmp(expected.data(), signature.data(), length) == 0;
}

bool VerifiesDigest(EVP_PKEY *key, const EVP_MD *digest, std::string_view input, std::string_view signature) {
  const DigestContext context(EVP_MD_CTX_new());
  if (!context || EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, key) != 1) return false;
  return EVP_DigestVerify(context.get(), Bytes(signature), signature.size(), Bytes(input), input.size()) == 1;
}

} // namespace

std::optional<Algorithm> ParseAlgorithm(std::string_view name) {
  if (name == "HS256") return Algorithm::kHs256;
  if (name == "RS256") return Algorithm::kRs256;
  if (name == "ES256") return Algorithm::kEs256;
  if (name == "EdDSA") return Algorithm::kEdDsa;
  return std::nullopt;
}

std::optional<Key> Key::OfSecret(std::string secret) {
  if (secret.size() < kFewestSecretBytes) return std::nullopt;
  return Key(Algorithm::kHs256, std::move(secret), nullptr);
}

std::optional<Key> Key::OfRsa(const std::string &n, const std::string &e) {
  const ErrorScope errors;
  const BigNumber modulus = NumberOf(n);
  const BigNumber exponent = NumberOf(e);
  if (!modulus || !exponent) return std::nullopt;
  const int bits = BN_num_bits(modulus.get());
  if (bits < kFewestRsaBits || bits > kMostRsaBits || BN_num_bits(exponent.get()) > kMostExponentBits ||
      BN_is_odd(exponent.get()) == 0 || BN_is_one(exponent.get()) != 0) {
    return std::nullopt;
  }
  const Builder builder(OSSL_PARAM_BLD_new());
  if (!builder || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()) != 1) {
    return std::nullopt;
  }
  auto key = PublicKey("RSA", builder.get());
  if (!key) return std::nullopt;
  return Key(Algorithm::kRs256, {}, std::move(key));
}

std::optional<Key> Key::OfEc(const std::string &x, const std::string &y) {
  const ErrorScope errors;
  if (x.size() != kP256Bytes || y.size() != kP256Bytes) return std::nullopt;
  const std::string point = kUncompressedPoint + x + y;
  const Builder builder(OSSL_PARAM_BLD_new());
  if (!builder || OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) != 1) {
    return std::nullopt;
  }
  auto key = PublicKey("EC", builder.get());
  if (!key) return std::nullopt;
  return Key(Algorithm::kEs256, {}, std::move(key));
}

std::optional<Key> Key::OfEd25519(const std::string &x) {
  const ErrorScope errors;
  if (x.size() != kEd25519Bytes) return std::nullopt;
  auto key = Shared(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, Bytes(x), x.size()));
  if (!key) return std::nullopt;
  return Key(Algorithm::kEdDsa, {}, std::move(key));
}

bool Key::Verifies(std::string_view input, std::string_view signature) const {
  const ErrorScope errors;
  switch (algorithm_) {
  case Algorithm::kHs256: return VerifiesHmac(secret_, input, signature);
  case Algorithm::kRs256: return VerifiesDigest(public_key_.get(), EVP_sha256(), input, signature);
  case Algorithm::kEs256: {
    const auto der = DerSignature(signature);
    return der && VerifiesDigest(public_key_.get(), EVP_sha256(), input, *der);
  }
  case Algorithm::kEdDsa: return VerifiesDigest(public_key_.get(), nullptr, input, signature);
  }
  return false;
}

} // namespace itemize::sidecar::identity
