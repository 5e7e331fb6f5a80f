#include "search/text/word_forms.hpp"

#include <cstring>
#include <iterator>

#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

#include "search/text/characters.hpp"

namespace itemize {

namespace {

/// UTF-16, as ICU reads it; what does not fit makes the word empty.
struct Utf16 {
  static constexpr int32_t kCapacity = 1024;

  int32_t size = 0;
  UChar units[kCapacity];

  [[nodiscard]] bool Append(UChar32 code) noexcept {
    if (size + 2 > kCapacity) return false;
    if (code < 0x10000) {
      units[size++] = static_cast<UChar>(code);
    } else {
      units[size++] = U16_LEAD(code);
      units[size++] = U16_TRAIL(code);
    }
    return true;
  }
};

/// Applies one of ICU's functions from a text to a text.
template <typename Function>
bool Apply(Utf16 &text, Function &&function) noexcept {
  UChar result[Utf16::kCapacity];
  UErrorCode error = U_ZERO_ERROR;
  int32_t const size = function(text.units, text.size, result, Utf16::kCapacity, &error);
  if (U_FAILURE(error) || size > Utf16::kCapacity) return false;
  std::memcpy(text.units, result, static_cast<std::size_t>(size) * sizeof(UChar));
  text.size = size;
  return true;
}

bool Normalize(Utf16 &text, const UNormalizer2 *(*instance)(UErrorCode *)) noexcept {
  UErrorCode error = U_ZERO_ERROR;
  const UNormalizer2 *const normalizer = instance(&error);
  if (U_FAILURE(error)) return false;
  if (unorm2_spanQuickCheckYes(normalizer, text.units, text.size, &error) == text.size && U_SUCCESS(error)) return true;
  return Apply(text, [&](const UChar *from, int32_t size, UChar *to, int32_t capacity, UErrorCode *status) {
    *status = U_ZERO_ERROR;
    return unorm2_normalize(normalizer, from, size, to, capacity, status);
  });
}

template <typename Visit>
void ForEach(const Utf16 &text, Visit &&visit) noexcept {
  for (int32_t i = 0; i < text.size;) {
    UChar32 code = text.units[i++];
    if (U16_IS_LEAD(code) && i < text.size) code = U16_GET_SUPPLEMENTARY(code, text.units[i++]);
    visit(code);
  }
}

void WriteUtf8(const Utf16 &text, WordBuffer &word) noexcept {
  word.size = 0;
  bool fits = true;
  ForEach(text, [&](UChar32 code) {
    if (word.size + 4 > kMaxWordBytes) fits = false;
    if (fits) word.size += WriteCharacter(static_cast<char32_t>(code), word.bytes + word.size);
  });
  if (!fits) word.size = 0;
}

/// Whether the word is of ASCII letters and digits only; then it is written in lower case.
bool WriteAsciiPlain(std::string_view word, bool is_turkic, WordBuffer &plain) noexcept {
  plain.size = 0;
  if (word.size() > kMaxWordBytes) return false;
  for (char const character : word) {
    auto const byte = static_cast<unsigned char>(character);
    bool const is_capital = byte >= 'A' && byte <= 'Z' && !(is_turkic && byte == 'I');
    if (is_capital) {
      plain.bytes[plain.size++] = static_cast<char>(byte + ('a' - 'A'));
    } else if ((byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9')) {
      plain.bytes[plain.size++] = character;
    } else if (byte >= 0x80 || byte == 'I') {
      return false;
    }
  }
  return true;
}

bool IsPartOfWord(CharacterClass kind) noexcept {
  return kind == CharacterClass::kLetter || kind == CharacterClass::kDigit || kind == CharacterClass::kMark ||
         kind == CharacterClass::kGram;
}

UChar32 LowerCase(UChar32 code, bool is_turkic) noexcept {
  if (is_turkic && code == 'I') return 0x0131;
  int32_t const digit = u_charType(code) == U_DECIMAL_DIGIT_NUMBER ? u_charDigitValue(code) : -1;
  return digit >= 0 ? '0' + digit : u_tolower(code);
}

/// Combining marks that the plain reading of a Latin, Greek, Cyrillic, Hebrew or Arabic word does without.
bool IsAccent(UChar32 code) noexcept {
  struct Range {
    UChar32 first, last;
  };
  constexpr Range kAccents[] = {{0x0300, 0x036F}, {0x0483, 0x0487}, {0x0591, 0x05BD}, {0x05BF, 0x05BF},
                                {0x05C1, 0x05C2}, {0x05C4, 0x05C5}, {0x05C7, 0x05C7}, {0x0610, 0x061A},
                                {0x064B, 0x065F}, {0x0670, 0x0670}, {0x06D6, 0x06DC}, {0x06DF, 0x06E4},
                                {0x06E7, 0x06E8}, {0x06EA, 0x06ED}, {0x08D3, 0x08FF}, {0x1AB0, 0x1AFF},
                                {0x1DC0, 0x1DFF}, {0x20D0, 0x20FF}, {0xFE20, 0xFE2F}};
  for (const Range &range : kAccents) {
    if (code < range.first) return false;
    if (code <= range.last) return true;
  }
  return false;
}

struct BaseLetters {
  UChar32 letter;
  char16_t base[3];
};

/// Letters that no decomposition takes apart; in ascending order.
constexpr BaseLetters kBaseLetters[] = {
    {0x00E6, u"ae"},     {0x00F0, u"d"},     {0x00F8, u"o"},      {0x00FE, u"th"},     {0x0111, u"d"},
    {0x0127, u"h"},      {0x0131, u"i"},     {0x0138, u"k"},      {0x0142, u"l"},      {0x014B, u"n"},
    {0x0153, u"oe"},     {0x0167, u"t"},     {0x0180, u"b"},      {0x0188, u"c"},      {0x0192, u"f"},
    {0x0199, u"k"},      {0x019A, u"l"},     {0x01A5, u"p"},      {0x01AD, u"t"},      {0x01B4, u"y"},
    {0x01B6, u"z"},      {0x01E5, u"g"},     {0x0253, u"b"},      {0x0254, u"o"},      {0x0256, u"d"},
    {0x0257, u"d"},      {0x0259, u"e"},     {0x025B, u"e"},      {0x0260, u"g"},      {0x0268, u"i"},
    {0x0272, u"n"},      {0x0289, u"u"},     {0x0491, u"\u0433"}, {0x0629, u"\u0647"}, {0x0649, u"\u064A"},
    {0x06A9, u"\u0643"}, {0x06CC, u"\u064A"}};

const char16_t *FindBase(UChar32 letter) noexcept {
  for (const BaseLetters &base : kBaseLetters) {
    if (base.letter == letter) return base.base;
  }
  return nullptr;
}

bool IsAscii(std::string_view text) noexcept {
  for (char const character : text) {
    if (static_cast<unsigned char>(character) >= 0x80) return false;
  }
  return true;
}

} // namespace

void MakePlainForm(std::string_view word, bool is_turkic, WordBuffer &plain) noexcept {
  if (WriteAsciiPlain(word, is_turkic, plain)) return;
  plain.size = 0;
  Utf16 text;
  for (std::size_t at = 0; at < word.size();) {
    Character const character = ReadCharacter(word.data() + at, word.size() - at);
    at += character.bytes;
    auto const code = static_cast<UChar32>(character.code);
    // Variation selectors are marks by their category.
    if (!IsPartOfWord(character.kind) || u_hasBinaryProperty(code, UCHAR_DEFAULT_IGNORABLE_CODE_POINT) != 0) continue;
    if (!text.Append(code)) return;
  }
  if (!Normalize(text, unorm2_getNFKCInstance)) return;
  Utf16 lower;
  bool fits = true;
  ForEach(text, [&](UChar32 code) {
    // A compatibility form may hold a sign: the slash of a fraction.
    if (u_isalnum(code) != 0 || (U_GET_GC_MASK(code) & (U_GC_M_MASK | U_GC_NL_MASK)) != 0) {
      fits = lower.Append(LowerCase(code, is_turkic)) && fits;
    }
  });
  if (fits) WriteUtf8(lower, plain);
}

void MakeFoldedForm(std::string_view plain, WordBuffer &folded) noexcept {
  folded.size = 0;
  if (plain.size() > kMaxWordBytes) return;
  if (IsAscii(plain)) {
    std::memcpy(folded.bytes, plain.data(), plain.size());
    folded.size = plain.size();
    return;
  }
  Utf16 text;
  for (std::size_t at = 0; at < plain.size();) {
    Character const character = ReadCharacter(plain.data() + at, plain.size() - at);
    at += character.bytes;
    if (!text.Append(static_cast<UChar32>(character.code))) return;
  }
  auto const fold_case = [](const UChar *from, int32_t size, UChar *to, int32_t capacity, UErrorCode *status) {
    return u_strFoldCase(to, capacity, from, size, U_FOLD_CASE_DEFAULT, status);
  };
  if (!Apply(text, fold_case) || !Normalize(text, unorm2_getNFKDInstance)) return;
  Utf16 base;
  bool fits = true;
  ForEach(text, [&](UChar32 code) {
    if (IsAccent(code)) return;
    const char16_t *letters = FindBase(code);
    if (letters == nullptr) {
      fits = base.Append(code) && fits;
      return;
    }
    for (; *letters != u'\0'; ++letters)
      fits = base.Append(*letters) && fits;
  });
  if (fits && Normalize(base, unorm2_getNFCInstance)) WriteUtf8(base, folded);
}

namespace {

struct NumberParts {
  static constexpr int kMost = 16;

  int count = 1;
  bool is_whole = true; ///< all parts fit
  int digits[kMost] = {};
  char32_t signs[kMost] = {};
};

NumberParts CutNumber(std::string_view number) noexcept {
  NumberParts parts;
  for (std::size_t at = 0; at < number.size();) {
    Character const character = ReadCharacter(number.data() + at, number.size() - at);
    at += character.bytes;
    if (character.kind == CharacterClass::kDigit) {
      ++parts.digits[parts.count - 1];
    } else if (character.kind == CharacterClass::kDecimalSign) {
      if (parts.count == NumberParts::kMost) {
        parts.is_whole = false;
        return parts;
      }
      parts.signs[parts.count++] = character.code;
    }
  }
  return parts;
}

/// Whether the signs up to that part are all the same and group three digits each.
bool AreThousands(const NumberParts &parts, int last) noexcept {
  if (last < 1 || parts.digits[0] > 3) return false;
  for (int i = 1; i <= last; ++i) {
    if (parts.digits[i] != 3 || parts.signs[i] != parts.signs[1]) return false;
  }
  return true;
}

/// The digits, with a point before each part from the given one on.
void WriteNumber(std::string_view number, int first_kept_sign, WordBuffer &form) noexcept {
  form.size = 0;
  int part = 0;
  for (std::size_t at = 0; at < number.size();) {
    Character const character = ReadCharacter(number.data() + at, number.size() - at);
    at += character.bytes;
    if (form.size == kMaxWordBytes) {
      form.size = 0;
      return;
    }
    if (character.kind == CharacterClass::kDigit) {
      int32_t const digit = u_charDigitValue(static_cast<UChar32>(character.code));
      if (digit >= 0) form.bytes[form.size++] = static_cast<char>('0' + digit);
    } else if (character.kind == CharacterClass::kDecimalSign && ++part >= first_kept_sign) {
      form.bytes[form.size++] = '.';
    }
  }
}

} // namespace

bool GroupsThousands(std::string_view number) noexcept {
  NumberParts const parts = CutNumber(number);
  if (!parts.is_whole) return false;
  int const last = parts.count - 1;
  return AreThousands(parts, last) ||
         (last > 1 && AreThousands(parts, last - 1) && parts.signs[last] != parts.signs[1]);
}

int MakeNumberForms(std::string_view number, WordBuffer (&forms)[kMaxNumberForms]) noexcept {
  NumberParts const parts = CutNumber(number);
  int const last = parts.count - 1;
  int count = 0;
  WriteNumber(number, 1, forms[count]);
  if (forms[count].size == 0) return 0;
  ++count;
  if (!parts.is_whole) return count;
  if (AreThousands(parts, last)) {
    WriteNumber(number, last + 1, forms[count++]);
  } else if (last > 1 && AreThousands(parts, last - 1) && parts.signs[last] != parts.signs[1]) {
    WriteNumber(number, last, forms[count++]);
  }
  return count;
}

} // namespace itemize
