// Canonical key text: how a key is written in the change stream, in Redis and in a URL.
//
// Each key column's value as text, percent-encoded (RFC 3986 section 2.3: unreserved characters
// stay, every other byte of the UTF-8 form becomes %XX in upper case), joined by ','.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace itemize {

/// Longest canonical key text in bytes that the sidecar accepts from a client.
inline constexpr std::size_t kMaxKeyTextBytes = 4096;

inline constexpr bool IsUnreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

/// Calls `append(char)` for each character of the percent-encoded form of `value`.
template <typename Append>
void PercentEncodeTo(std::string_view value, Append append) {
  constexpr char kHex[] = "0123456789ABCDEF";
  for (const char c : value) {
    if (IsUnreserved(c)) {
      append(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    append('%');
    append(kHex[byte >> 4U]);
    append(kHex[byte & 0xFU]);
  }
}

inline std::string PercentEncode(std::string_view value) {
  std::string encoded;
  encoded.reserve(value.size());
  PercentEncodeTo(value, [&](char c) { encoded.push_back(c); });
  return encoded;
}

/// Nothing when a '%' is not followed by two hexadecimal digits.
inline std::optional<std::string> PercentDecode(std::string_view encoded) {
  const auto digit = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
  };
  std::string decoded;
  decoded.reserve(encoded.size());
  for (std::size_t i = 0; i < encoded.size(); ++i) {
    if (encoded[i] != '%') {
      decoded.push_back(encoded[i]);
      continue;
    }
    if (i + 2 >= encoded.size()) return std::nullopt;
    const int high = digit(encoded[i + 1]);
    const int low = digit(encoded[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    decoded.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return decoded;
}

/// The values of a canonical (or merely well-formed) key text, one per key column.
inline std::optional<std::vector<std::string>> SplitKeyText(std::string_view key_text) {
  std::vector<std::string> values;
  while (true) {
    const std::size_t comma = key_text.find(',');
    auto value = PercentDecode(key_text.substr(0, comma));
    if (!value) return std::nullopt;
    values.push_back(std::move(*value));
    if (comma == std::string_view::npos) return values;
    key_text.remove_prefix(comma + 1);
  }
}

inline std::string JoinKeyText(const std::vector<std::string> &values) {
  std::string key_text;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) key_text.push_back(',');
    key_text += PercentEncode(values[i]);
  }
  return key_text;
}

/// One key, one text: what a client wrote (needless or lower-case escapes) in the form that the
/// stream uses. Nothing when it is malformed or longer than kMaxKeyTextBytes.
inline std::optional<std::string> CanonicalKeyText(std::string_view key_text) {
  const auto values = SplitKeyText(key_text);
  if (!values) return std::nullopt;
  auto canonical = JoinKeyText(*values);
  if (canonical.size() > kMaxKeyTextBytes) return std::nullopt;
  return canonical;
}

/// An item type's name is an identifier that needs no quoting: [a-z_][a-z0-9_]{0,62}.
inline constexpr std::size_t kMaxTypeNameBytes = 63;

inline constexpr bool IsTypeName(std::string_view name) {
  if (name.empty() || name.size() > kMaxTypeNameBytes) return false;
  if (name[0] >= '0' && name[0] <= '9') return false;
  for (const char c : name) {
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')) return false;
  }
  return true;
}

/// The longest name of a topic in bytes.
inline constexpr std::size_t kMaxTopicNameBytes = 63;

/// `[a-z_][a-z0-9_.-]{0,62}`: as an item type's name, with the separators that topics are mostly written with.
inline constexpr bool IsTopicName(std::string_view name) {
  if (name.empty() || name.size() > kMaxTopicNameBytes) return false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    const bool letter = (c >= 'a' && c <= 'z') || c == '_';
    const bool further = (c >= '0' && c <= '9') || c == '.' || c == '-';
    if (!letter && !(further && i > 0)) return false;
  }
  return true;
}

} // namespace itemize
