#include "identity/base64url.hpp"

#include <cstdint>

namespace itemize::sidecar::identity {

namespace {

constexpr unsigned kBitsOfCharacter = 6;
constexpr unsigned kBitsOfByte = 8;

int ValueOf(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '-') return 62;
  return c == '_' ? 63 : -1;
}

} // namespace

std::optional<std::string> DecodeBase64Url(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size() * 3 / 4);
  std::uint32_t held = 0;
  unsigned bits = 0;
  for (const char c : text) {
    const int value = ValueOf(c);
    if (value < 0) return std::nullopt;
    held = (held << kBitsOfCharacter) | static_cast<std::uint32_t>(value);
    bits += kBitsOfCharacter;
    if (bits < kBitsOfByte) continue;
    bits -= kBitsOfByte;
    bytes.push_back(static_cast<char>((held >> bits) & 0xFFU));
    held &= (1U << bits) - 1;
  }
  // A single character is no byte; and what is left of the last one must be zero.
  if (bits == kBitsOfCharacter || held != 0) return std::nullopt;
  return bytes;
}

} // namespace itemize::sidecar::identity
