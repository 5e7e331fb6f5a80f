// JSON as filters and facets are written in: a tree of texts. Plain C++.
//
// A number stays the text that it was written as: what reads it is the input function of a column, and 0.10 must not
// become a binary fraction on its way there.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace itemize {

/// Limits of a document, whatever is in it; stated in docs/reference/search-filters.md.
inline constexpr std::size_t kMaxFilterBytes = 65536;
inline constexpr int kMaxJsonDepth = 32;
/// What to do about a document of more than kMaxFilterBytes.
inline constexpr char kTooLongHint[] = "Ask with fewer values; a number counts with all of its digits.";

struct JsonValue {
  enum class Kind { kNull, kBoolean, kNumber, kString, kArray, kObject };

  Kind kind = Kind::kNull;
  std::string text;                                       ///< a string's content; of all others the text as written
  std::vector<JsonValue> items;                           ///< of an array
  std::vector<std::pair<std::string, JsonValue>> members; ///< of an object, in the order written

  [[nodiscard]] bool IsScalar() const { return kind != Kind::kArray && kind != Kind::kObject; }
};

/// Reads one JSON value (RFC 8259) in UTF-8 or any other encoding that has ASCII in it. Raises 22023 for what is none,
/// with `what` as its name, and 54000 for one beyond the limits, with this hint for one of too many bytes.
JsonValue ReadJson(std::string_view json, std::string_view what, const char *too_long_hint = kTooLongHint);

/// A text as an error message shows it: its beginning, no character of UTF-8 cut in two.
std::string Shown(std::string_view text);

} // namespace itemize
