// Cuts a text into words, with where they stand. Plain C++, without a destructor: code that the server's longjmp may
// leave runs it.
//
// Documents and queries are cut by the same rules, so a part of a document's text is found wherever it begins and ends
// with words.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "search/text/characters.hpp"

namespace itemize {

enum class TokenKind : std::uint8_t {
  kWord,     ///< letters and digits
  kJoined,   ///< the parts of e-mail, l'hôtel or U.S.A. as one word, at the position of the first of them
  kNumber,   ///< digits with points or commas between them
  kGram,     ///< two neighbouring characters of a script without spaces
  kLastGram, ///< the last character of such a run, by itself
};

struct Token {
  TokenKind kind;
  std::uint32_t position; ///< counts from 1; parts of one word follow each other
  std::size_t begin, end; ///< bytes of the text
};

class Tokenizer {
public:
  /// Positions go on after `last_position`.
  explicit Tokenizer(std::string_view content, std::uint32_t last_position = 0) noexcept
      : text_(content), position_(last_position) {}

  /// The next token, of nondecreasing positions but for kJoined; false at the end.
  bool Next(Token &token) noexcept;

  /// The position of the last word so far.
  [[nodiscard]] std::uint32_t position() const noexcept { return position_; }

private:
  static constexpr int kMaxParts = 8;
  static constexpr std::size_t kMaxJoinedBytes = 128;

  struct Part {
    std::size_t begin, end;
    int characters; ///< letters and digits
    bool is_digits;
  };

  [[nodiscard]] Character At(std::size_t at) const noexcept;
  [[nodiscard]] std::size_t SkipMarks(std::size_t at) const noexcept;
  [[nodiscard]] Part ScanPart(std::size_t begin, bool digits_only) const noexcept;
  [[nodiscard]] bool ContinuesNumber(const Part &part) const noexcept;
  [[nodiscard]] bool ContinuesAbbreviation(const Part &part) const noexcept;
  [[nodiscard]] bool ContinuesWord(const Part &part) const noexcept;
  void ScanGroup() noexcept;
  void Enqueue(TokenKind kind, std::uint32_t position, std::size_t begin, std::size_t end) noexcept;
  void EmitParts(const Part *parts, int count) noexcept;
  bool NextGram(Token &token) noexcept;

  std::string_view text_;
  std::size_t at_ = 0;
  std::uint32_t position_;
  Token queue_[kMaxParts + 1] = {};
  int queued_ = 0;
  int taken_ = 0;
  bool in_grams_ = false;
  std::size_t gram_begin_ = 0, gram_end_ = 0; ///< the character of a run that the next one pairs with
};

} // namespace itemize
