// The forms of a word: as dictionaries read it, and as the index keeps it. Plain C++ over ICU.
#pragma once

#include <cstddef>
#include <string_view>

namespace itemize {

/// Longer words are left out, of documents and queries alike: they are no words. In bytes of UTF-8.
inline constexpr std::size_t kMaxWordBytes = 512;

/// A word's text in a buffer of its own; without a destructor, for code that the server's longjmp may leave.
struct WordBuffer {
  std::size_t size;
  char bytes[kMaxWordBytes];

  [[nodiscard]] std::string_view view() const noexcept { return {bytes, size}; }
};

/// The word in lower case, its characters in their usual width (NFKC), without what is no part of it (connectors,
/// ignorable characters); digits of all scripts become ASCII's. `is_turkic`: I without a dot becomes ı. Empty when
/// nothing is left or the word is too long.
void MakePlainForm(std::string_view word, bool is_turkic, WordBuffer &plain) noexcept;

/// The plain form without accents: case folding, marks of Latin, Greek, Cyrillic, Arabic and Hebrew dropped, letters
/// such as ø, ł, ß, æ, đ, ı, þ by their base letters. Marks that make another letter in other scripts stay.
void MakeFoldedForm(std::string_view plain, WordBuffer &folded) noexcept;

inline constexpr int kMaxNumberForms = 3;

/// The forms of a number with points and commas in it: with a point for each sign; without those that can only group
/// thousands. 1,234.50 gives 1.234.50 and 1234.50. Returns how many.
int MakeNumberForms(std::string_view number, WordBuffer (&forms)[kMaxNumberForms]) noexcept;

/// Whether the signs of a number only group thousands, but for a last one: its parts are no numbers of their own.
bool GroupsThousands(std::string_view number) noexcept;

} // namespace itemize
