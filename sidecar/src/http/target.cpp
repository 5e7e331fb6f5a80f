#include "http/target.hpp"

#include "itemize/key_text.hpp"

#include <algorithm>

namespace itemize::sidecar::http {

namespace {

std::optional<std::string> DecodeForm(std::string_view text) {
  std::string spaced(text);
  std::replace(spaced.begin(), spaced.end(), '+', ' ');
  return PercentDecode(spaced);
}

struct Utf8Form {
  std::size_t length;
  /// Range of the second byte: it rules out overlong forms, surrogates and what is above U+10FFFF.
  unsigned char low;
  unsigned char high;
};

/// Table 3-7 of the Unicode standard; length 0 for a byte that begins no character.
Utf8Form FormOf(unsigned char lead) {
  if (lead < 0x80U) return {1, 0, 0};
  if (lead >= 0xC2U && lead <= 0xDFU) return {2, 0x80, 0xBF};
  if (lead == 0xE0U) return {3, 0xA0, 0xBF};
  if (lead == 0xEDU) return {3, 0x80, 0x9F};
  if (lead >= 0xE1U && lead <= 0xEFU) return {3, 0x80, 0xBF};
  if (lead == 0xF0U) return {4, 0x90, 0xBF};
  if (lead >= 0xF1U && lead <= 0xF3U) return {4, 0x80, 0xBF};
  if (lead == 0xF4U) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

} // namespace

Target SplitTarget(std::string_view target) {
  const std::size_t question = target.find('?');
  if (question == std::string_view::npos) return {target, {}};
  return {target.substr(0, question), target.substr(question + 1)};
}

std::vector<std::string_view> PathSegments(std::string_view path) {
  std::vector<std::string_view> segments;
  if (!path.empty() && path.front() == '/') path.remove_prefix(1);
  while (true) {
    const std::size_t slash = path.find('/');
    segments.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return segments;
    path.remove_prefix(slash + 1);
  }
}

std::optional<Parameters> ParseQuery(std::string_view query) {
  Parameters parameters;
  while (!query.empty()) {
    const std::size_t ampersand = query.find('&');
    const std::string_view pair = query.substr(0, ampersand);
    query.remove_prefix(ampersand == std::string_view::npos ? query.size() : ampersand + 1);
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    auto name = DecodeForm(pair.substr(0, equals));
    auto value = DecodeForm(equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1));
    if (!name || !value) return std::nullopt;
    parameters.emplace_back(std::move(*name), std::move(*value));
  }
  return parameters;
}

bool IsDatabaseText(std::string_view text) {
  while (!text.empty()) {
    const auto lead = static_cast<unsigned char>(text.front());
    const Utf8Form form = FormOf(lead);
    if (lead == 0 || form.length == 0 || text.size() < form.length) return false;
    for (std::size_t i = 1; i < form.length; ++i) {
      const auto byte = static_cast<unsigned char>(text[i]);
      const unsigned char low = i == 1 ? form.low : 0x80;
      const unsigned char high = i == 1 ? form.high : 0xBF;
      if (byte < low || byte > high) return false;
    }
    text.remove_prefix(form.length);
  }
  return true;
}

std::optional<std::string> CanonicalClientKey(std::string_view key_text) {
  const auto values = SplitKeyText(key_text);
  if (!values || !std::all_of(values->begin(), values->end(), IsDatabaseText)) return std::nullopt;
  return CanonicalKeyText(key_text);
}

} // namespace itemize::sidecar::http
