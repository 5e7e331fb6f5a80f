// A cursor's content, and its form as text. Plain C++, tested without a server.
//
// A cursor says behind which row of which question a page begins. What it holds is no secret but must come back as it
// was made: it carries a seal (cursor.hpp), and is opaque to whoever keeps it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "search/rates_mark.hpp"

namespace itemize {

/// Longest text that is looked at as a cursor, in bytes.
inline constexpr std::size_t kMaxCursorBytes = 8192;

/// Bytes of the seal at a cursor's end: SipHash-2-4 with 128 bits (siphash.hpp).
inline constexpr std::size_t kCursorSealBytes = 16;

struct CursorContent {
  bool relaxed = false;
  std::uint64_t question = 0;                     ///< hash of what was asked, and in which order
  std::string score_parameters;                   ///< so that a row's score is the same on all pages
  std::optional<RatesMark> rates;                 ///< where the order is by a converted price
  std::vector<std::optional<std::string>> values; ///< one a sort item, in the type's binary form; nothing: null
};

/// What all cursors of a page begin with: everything but the values.
std::string PackCursorHead(const CursorContent &content);

/// Bytes that a value takes besides its own, at most.
inline constexpr std::size_t kCursorValueHead = 3;

/// Appends a value of at most 65535 bytes; nothing: null. Returns where it ends.
char *WriteCursorValue(char *at, std::optional<std::string_view> value) noexcept;

/// Without a seal.
std::string PackCursor(const CursorContent &content);

/// Nothing when it is malformed, or of another version.
std::optional<CursorContent> UnpackCursor(std::string_view bytes);

} // namespace itemize
