// Content codings (RFC 9110 section 8.4.1, RFC 7932).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace itemize::sidecar {

enum class Coding : std::uint8_t { kIdentity, kGzip, kBrotli };

inline constexpr std::size_t kCodings = 3;

/// Fewer bytes are not worth it: with its head an answer fits one packet.
inline constexpr std::size_t kLeastCompressed = 512;
/// More would hold the thread that compresses for long.
inline constexpr std::size_t kMostCompressed = std::size_t{4} * 1024 * 1024;

[[nodiscard]] constexpr bool IsCompressible(Coding coding, std::size_t bytes) {
  return coding != Coding::kIdentity && bytes >= kLeastCompressed && bytes <= kMostCompressed;
}

/// Nothing when the bytes are not compressible, or it would not save a tenth. Equal bytes are compressed to equal bytes
/// by one version of the library.
[[nodiscard]] std::optional<std::string> Compress(Coding coding, std::string_view bytes);

} // namespace itemize::sidecar
