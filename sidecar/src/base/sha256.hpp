// SHA-256 (FIPS 180-4).
#pragma once

#include <string>
#include <string_view>

namespace itemize::sidecar {

/// The 32 bytes of the digest. Throws std::runtime_error when libcrypto does not have it.
[[nodiscard]] std::string Sha256(std::string_view bytes);

/// The same in small hexadecimal digits.
[[nodiscard]] std::string Sha256Hex(std::string_view bytes);

} // namespace itemize::sidecar
