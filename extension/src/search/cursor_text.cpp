#include "search/cursor_text.hpp"

#include <cstring>
#include <utility>

namespace itemize {

namespace {

constexpr char kVersion = 2;
constexpr unsigned kRelaxed = 1;
constexpr unsigned kByRates = 2;

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

} // namespace

std::string PackCursorHead(const CursorContent &content) {
  std::string bytes;
  bytes.push_back(kVersion);
  bytes.push_back(static_cast<char>((content.relaxed ? kRelaxed : 0) | (content.rates ? kByRates : 0)));
  AppendNumber(bytes, content.question);
  if (content.rates) {
    AppendNumber(bytes, static_cast<std::uint64_t>(content.rates->at));
    AppendNumber(bytes, content.rates->hash);
  }
  AppendSized(bytes, content.score_parameters);
  return bytes;
}

char *WriteCursorValue(char *at, std::optional<std::string_view> value) noexcept {
  *at++ = value ? '\1' : '\0';
  if (!value) return at;
  *at++ = static_cast<char>(value->size() & 0xFFU);
  *at++ = static_cast<char>((value->size() >> 8U) & 0xFFU);
  std::memcpy(at, value->data(), value->size());
  return at + value->size();
}

std::string PackCursor(const CursorContent &content) {
  std::string bytes = PackCursorHead(content);
  for (const auto &value : content.values) {
    const std::size_t start = bytes.size();
    bytes.resize(start + kCursorValueHead + (value ? value->size() : 0));
    const char *const end = WriteCursorValue(bytes.data() + start, value);
    bytes.resize(static_cast<std::size_t>(end - bytes.data()));
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

} // namespace itemize
