#include "http/entity_tag.hpp"

#include "itemize/base64url.hpp"

#include <openssl/evp.h>

#include <array>
#include <stdexcept>

namespace itemize::sidecar::http {

namespace {

constexpr std::size_t kTagBytes = 16;

/// Takes blanks and at most one comma off the front.
void SkipSeparator(std::string_view &rest) {
  while (!rest.empty() && (rest.front() == ' ' || rest.front() == '\t' || rest.front() == ','))
    rest.remove_prefix(1);
}

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

bool IfNoneMatchHits(std::string_view field, std::string_view tag) {
  SkipSeparator(field);
  if (field == "*") return true;
  while (!field.empty()) {
    if (field.substr(0, 2) == "W/") field.remove_prefix(2);
    if (field.empty() || field.front() != '"') return false;
    const std::size_t end = field.find('"', 1);
    if (end == std::string_view::npos) return false;
    if (field.substr(0, end + 1) == tag) return true;
    field.remove_prefix(end + 1);
    SkipSeparator(field);
  }
  return false;
}

} // namespace itemize::sidecar::http
