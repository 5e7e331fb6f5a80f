// What a character is to the analysis of texts. Plain C++ over ICU's properties, the same on every server: the locale
// of the database has no say.
#pragma once

#include <cstddef>
#include <cstdint>

namespace itemize {

enum class CharacterClass : std::uint8_t {
  kSeparator,
  kLetter,
  kDigit,
  kMark,        ///< belongs to the character before it
  kIgnorable,   ///< is not seen: soft hyphen, joiners, directions
  kGram,        ///< a letter of a script that is written without spaces, or is searched like one (Hangul)
  kConnector,   ///< joins two parts of a word: apostrophe, hyphen, underscore, ampersand, middle dot
  kDecimalSign, ///< point and comma, in all their widths
};

struct Character {
  char32_t code;
  std::uint8_t bytes; ///< 1 for a byte that is not UTF-8, which is a separator
  CharacterClass kind;
};

/// The character at the start of a text of at least one byte.
Character ReadCharacter(const char *text, std::size_t size) noexcept;

/// Appends a character as UTF-8, where there is room for four bytes; returns the bytes written.
std::size_t WriteCharacter(char32_t code, char *out) noexcept;

} // namespace itemize
