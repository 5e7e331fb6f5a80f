#include "base/entity_tag.hpp"

#include "base/sha256.hpp"
#include "itemize/base64url.hpp"

namespace itemize::sidecar {

namespace {

constexpr std::size_t kTagBytes = 16;

} // namespace

std::string EntityTag(std::string_view bytes) {
  return '"' + EncodeBase64Url(std::string_view(Sha256(bytes)).substr(0, kTagBytes)) + '"';
}

} // namespace itemize::sidecar
