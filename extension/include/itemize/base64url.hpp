// Base64url without padding (RFC 4648 section 5), decoded strictly: one text for each sequence of bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace itemize {

namespace internal {

inline constexpr std::string_view kBase64UrlSigns = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// -1 for a character outside of the alphabet.
inline int Base64UrlValue(char sign) {
  if (sign >= 'A' && sign <= 'Z') return sign - 'A';
  if (sign >= 'a' && sign <= 'z') return sign - 'a' + 26;
  if (sign >= '0' && sign <= '9') return sign - '0' + 52;
  if (sign == '-') return 62;
  return sign == '_' ? 63 : -1;
}

} // namespace internal

/// Characters that so many bytes become.
constexpr std::size_t LengthAsBase64Url(std::size_t bytes) noexcept { return (bytes * 4 + 2) / 3; }

/// Writes LengthAsBase64Url(bytes.size()) characters at `out`.
inline void WriteBase64Url(std::string_view bytes, char *out) noexcept {
  const auto byte = [bytes](std::size_t at) -> std::uint32_t { return static_cast<unsigned char>(bytes[at]); };
  const auto sign = [&out](std::uint32_t bits) { *out++ = internal::kBase64UrlSigns[bits & 0x3FU]; };
  std::size_t at = 0;
  for (; at + 3 <= bytes.size(); at += 3) {
    const std::uint32_t bits = byte(at) << 16U | byte(at + 1) << 8U | byte(at + 2);
    sign(bits >> 18U);
    sign(bits >> 12U);
    sign(bits >> 6U);
    sign(bits);
  }
  const std::size_t left = bytes.size() - at;
  if (left == 0) return;
  const std::uint32_t bits = byte(at) << 16U | (left == 2 ? byte(at + 1) << 8U : 0U);
  sign(bits >> 18U);
  sign(bits >> 12U);
  if (left == 2) sign(bits >> 6U);
}

inline std::string EncodeBase64Url(std::string_view bytes) {
  std::string text(LengthAsBase64Url(bytes.size()), '\0');
  WriteBase64Url(bytes, text.data());
  return text;
}

/// Nothing for a character outside of the alphabet, padding, a length that no bytes have, and for set bits that would
/// be thrown away: with those what is signed could be changed and still be taken.
inline std::optional<std::string> DecodeBase64Url(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size() * 3 / 4);
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const char sign : text) {
    const int value = internal::Base64UrlValue(sign);
    if (value < 0) return std::nullopt;
    bits = (bits << 6U) | static_cast<std::uint32_t>(value);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes.push_back(static_cast<char>((bits >> held) & 0xFFU));
  }
  // Left over are at most four bits, all zero.
  if (held >= 6 || (bits & ((1U << held) - 1)) != 0) return std::nullopt;
  return bytes;
}

} // namespace itemize
