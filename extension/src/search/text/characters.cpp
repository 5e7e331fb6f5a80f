#include "search/text/characters.hpp"

#include <unicode/uchar.h>
#include <unicode/uscript.h>

namespace itemize {

namespace {

constexpr char32_t kFirstGram = 0x0E00; // Thai; below it no script is written without spaces

CharacterClass ClassifyAscii(unsigned char byte) noexcept {
  if ((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z')) return CharacterClass::kLetter;
  if (byte >= '0' && byte <= '9') return CharacterClass::kDigit;
  switch (byte) {
  case '\'':
  case '-':
  case '_':
  case '&': return CharacterClass::kConnector;
  case '.':
  case ',': return CharacterClass::kDecimalSign;
  default: return CharacterClass::kSeparator;
  }
}

bool IsGramScript(char32_t code) noexcept {
  if (code == 0x30FC || code == 0xFF70) return true; // the long vowel of kana, of no script of its own
  UErrorCode error = U_ZERO_ERROR;
  UScriptCode const script = uscript_getScript(static_cast<UChar32>(code), &error);
  return U_SUCCESS(error) && (script == USCRIPT_HANGUL || uscript_breaksBetweenLetters(script) != 0);
}

CharacterClass ClassifyLetter(char32_t code) noexcept {
  switch (code) {
  case 0x02B9: // the modifier letters that stand for an apostrophe
  case 0x02BB:
  case 0x02BC: return CharacterClass::kConnector;
  case 0x0640: return CharacterClass::kIgnorable; // the Arabic tatweel only lengthens a line
  case 0xFF9E:                                    // half-width voicing marks of katakana
  case 0xFF9F: return CharacterClass::kMark;
  default: return code >= kFirstGram && IsGramScript(code) ? CharacterClass::kGram : CharacterClass::kLetter;
  }
}

CharacterClass ClassifySign(char32_t code) noexcept {
  switch (code) {
  case 0x00B7: // the Catalan middle dot
  case 0x05F3: // Hebrew geresh and gershayim, inside of abbreviations
  case 0x05F4:
  case 0x2010:
  case 0x2011:
  case 0x2018:
  case 0x2019:
  case 0xFF07:
  case 0xFF0D: return CharacterClass::kConnector;
  case 0x066B:
  case 0x066C:
  case 0xFF0C:
  case 0xFF0E: return CharacterClass::kDecimalSign;
  default: return CharacterClass::kSeparator;
  }
}

CharacterClass Classify(char32_t code) noexcept {
  switch (u_charType(static_cast<UChar32>(code))) {
  case U_UPPERCASE_LETTER:
  case U_LOWERCASE_LETTER:
  case U_TITLECASE_LETTER:
  case U_MODIFIER_LETTER:
  case U_OTHER_LETTER:
  case U_LETTER_NUMBER: return ClassifyLetter(code);
  case U_DECIMAL_DIGIT_NUMBER:
  case U_OTHER_NUMBER: return CharacterClass::kDigit;
  case U_NON_SPACING_MARK:
  case U_ENCLOSING_MARK:
  case U_COMBINING_SPACING_MARK: return CharacterClass::kMark;
  case U_FORMAT_CHAR: return code == 0x200B ? CharacterClass::kSeparator : CharacterClass::kIgnorable;
  default: return ClassifySign(code);
  }
}

constexpr Character kInvalid = {0xFFFD, 1, CharacterClass::kSeparator};

} // namespace

Character ReadCharacter(const char *text, std::size_t size) noexcept {
  auto const byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned char const first = byte(0);
  if (first < 0x80) return {first, 1, ClassifyAscii(first)};
  std::uint8_t const bytes = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || size < bytes) return kInvalid;
  char32_t code = first & (0x7FU >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return kInvalid;
    code = (code << 6U) | (byte(i) & 0x3FU);
  }
  constexpr char32_t kLowest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < kLowest[bytes] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return kInvalid;
  return {code, bytes, Classify(code)};
}

std::size_t WriteCharacter(char32_t code, char *out) noexcept {
  auto const put = [&](std::size_t i, char32_t bits) { out[i] = static_cast<char>(static_cast<unsigned char>(bits)); };
  if (code < 0x80) {
    put(0, code);
    return 1;
  }
  std::size_t const bytes = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  constexpr char32_t kLead[] = {0, 0, 0xC0, 0xE0, 0xF0};
  for (std::size_t i = bytes - 1; i > 0; --i) {
    put(i, 0x80U | (code & 0x3FU));
    code >>= 6U;
  }
  put(0, kLead[bytes] | code);
  return bytes;
}

} // namespace itemize
