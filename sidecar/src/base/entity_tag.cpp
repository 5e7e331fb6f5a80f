#include "base/entity_tag.hpp"

#include "itemize/base64url.hpp"

#include <openssl/evp.h>

#include <array>
#include <stdexcept>

namespace itemize::sidecar {

namespace {

constexpr std::size_t kTagBytes = 16;

} // namespace

std::string EntityTag(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_sha256(), nullptr) != 1 ||
      length < kTagBytes) {
    throw std::runtime_error("SHA-256 is not available from libcrypto");
  }
  return '"' + EncodeBase64Url({reinterpret_cast<const char *>(digest.data()), kTagBytes}) + '"';
}

} // namespace itemize::sidecar
