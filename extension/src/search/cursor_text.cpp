#include "search/cursor_text.hpp"

#include <utility>

namespace itemize {

namespace {

constexpr char kVersion = 2;
constexpr unsigned kRelaxed = 1;
constexpr unsigned kByRates = 2;
constexpr char kSigns[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void AppendNumber(std::string &bytes, std::uint64_t number) {
  for (unsigned shift = 0; shift < 64; shift += 8)
    bytes.push_back(static_cast<char>((number >> shift) & 0xFFU));
}

void AppendSized(std::string &bytes, std::string_view value) {
  bytes.push_back(static_cast<char>(value.size() & 0xFFU));
  bytes.push_back(static_cast<char>((value.size() >> 8U) & 0xFFU));
  bytes += value;
}

/// Takes from the front of `bytes`; false where there is too little.
bool TakeByte(std::string_view &bytes, unsigned char &byte) {
  if (bytes.empty()) return false;
  byte = static_cast<unsigned char>(bytes[0]);
  bytes.remove_prefix(1);
  return true;
}

bool TakeNumber(std::string_view &bytes, std::uint64_t &number) {
  number = 0;
  for (unsigned shift = 0; shift < 64; shift += 8) {
    unsigned char byte = 0;
    if (!TakeByte(bytes, byte)) return false;
    number |= std::uint64_t{byte} << shift;
  }
  return true;
}

bool TakeSized(std::string_view &bytes, std::string &value) {
  unsigned char low = 0;
  unsigned char high = 0;
  if (!TakeByte(bytes, low) || !TakeByte(bytes, high)) return false;
  const std::size_t size = low + (std::size_t{high} << 8U);
  if (bytes.size() < size) return false;
  value.assign(bytes.substr(0, size));
  bytes.remove_prefix(size);
  return true;
}

int SignValue(char sign) {
  const std::size_t at = std::string_view(kSigns, 64).find(sign);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

} // namespace

std::string PackCursor(const CursorContent &content) {
  std::string bytes;
  bytes.push_back(kVersion);
  bytes.push_back(static_cast<char>((content.relaxed ? kRelaxed : 0) | (content.rates ? kByRates : 0)));
  AppendNumber(bytes, content.question);
  if (content.rates) {
    AppendNumber(bytes, static_cast<std::uint64_t>(content.rates->at));
    AppendNumber(bytes, content.rates->hash);
  }
  AppendSized(bytes, content.score_parameters);
  for (const auto &value : content.values) {
    bytes.push_back(value ? '\1' : '\0');
    if (value) AppendSized(bytes, *value);
  }
  return bytes;
}

std::optional<CursorContent> UnpackCursor(std::string_view bytes) {
  CursorContent content;
  unsigned char version = 0;
  unsigned char flags = 0;
  if (!TakeByte(bytes, version) || version != kVersion || !TakeByte(bytes, flags)) return std::nullopt;
  content.relaxed = (flags & kRelaxed) != 0;
  if (!TakeNumber(bytes, content.question)) return std::nullopt;
  if ((flags & kByRates) != 0) {
    std::uint64_t at = 0;
    std::uint64_t hash = 0;
    if (!TakeNumber(bytes, at) || !TakeNumber(bytes, hash)) return std::nullopt;
    content.rates = RatesMark{static_cast<std::int64_t>(at), hash};
  }
  if (!TakeSized(bytes, content.score_parameters)) return std::nullopt;
  while (!bytes.empty()) {
    unsigned char present = 0;
    (void)TakeByte(bytes, present);
    std::string value;
    if (present != 0 && !TakeSized(bytes, value)) return std::nullopt;
    content.values.push_back(present != 0 ? std::optional<std::string>(std::move(value)) : std::nullopt);
  }
  return content;
}

std::string EncodeBase64Url(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() * 4 + 2) / 3);
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const char c : bytes) {
    bits = (bits << 8U) | static_cast<unsigned char>(c);
    held += 8;
    while (held >= 6) {
      held -= 6;
      text.push_back(kSigns[(bits >> held) & 0x3FU]);
    }
  }
  if (held > 0) text.push_back(kSigns[(bits << (6 - held)) & 0x3FU]);
  return text;
}

std::optional<std::string> DecodeBase64Url(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size() * 3 / 4);
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const char sign : text) {
    const int value = SignValue(sign);
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
