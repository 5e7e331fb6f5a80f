#include "search/text/tokenizer.hpp"

#include "search/text/word_forms.hpp"

namespace itemize {

namespace {

bool IsLetterOrDigit(CharacterClass kind) noexcept {
  return kind == CharacterClass::kLetter || kind == CharacterClass::kDigit;
}

} // namespace

Character Tokenizer::At(std::size_t at) const noexcept {
  if (at >= text_.size()) return {0, 0, CharacterClass::kSeparator};
  return ReadCharacter(text_.data() + at, text_.size() - at);
}

std::size_t Tokenizer::SkipMarks(std::size_t at) const noexcept {
  for (;;) {
    Character const character = At(at);
    if (character.kind != CharacterClass::kMark && character.kind != CharacterClass::kIgnorable) return at;
    at += character.bytes;
  }
}

Tokenizer::Part Tokenizer::ScanPart(std::size_t begin, bool digits_only) const noexcept {
  Part part = {begin, begin, 0, true};
  for (std::size_t at = begin;;) {
    Character const character = At(at);
    if (IsLetterOrDigit(character.kind)) {
      if (character.kind == CharacterClass::kLetter) {
        if (digits_only) return part;
        part.is_digits = false;
      }
      ++part.characters;
    } else if (character.kind != CharacterClass::kMark && character.kind != CharacterClass::kIgnorable) {
      return part;
    }
    at += character.bytes;
    part.end = at;
  }
}

bool Tokenizer::ContinuesNumber(const Part &part) const noexcept {
  if (!part.is_digits) return false;
  Character const sign = At(part.end);
  return sign.kind == CharacterClass::kDecimalSign && At(part.end + sign.bytes).kind == CharacterClass::kDigit;
}

bool Tokenizer::ContinuesAbbreviation(const Part &part) const noexcept {
  if (part.is_digits || part.characters != 1 || At(part.end).code != '.') return false;
  std::size_t const next = part.end + 1;
  if (At(next).kind != CharacterClass::kLetter) return false;
  return ScanPart(next, false).characters == 1;
}

bool Tokenizer::ContinuesWord(const Part &part) const noexcept {
  Character const sign = At(part.end);
  return sign.kind == CharacterClass::kConnector && IsLetterOrDigit(At(part.end + sign.bytes).kind);
}

void Tokenizer::Enqueue(TokenKind kind, std::uint32_t position, std::size_t begin, std::size_t end) noexcept {
  queue_[queued_++] = {kind, position, begin, end};
}

void Tokenizer::EmitParts(const Part *parts, int count) noexcept {
  std::uint32_t const first = position_ + 1;
  for (int i = 0; i < count; ++i)
    Enqueue(TokenKind::kWord, ++position_, parts[i].begin, parts[i].end);
  std::size_t const begin = parts[0].begin;
  std::size_t const end = parts[count - 1].end;
  if (count > 1 && end - begin <= kMaxJoinedBytes) Enqueue(TokenKind::kJoined, first, begin, end);
}

/// A word with what is joined to it. The parts of one group are joined by signs of one sort.
void Tokenizer::ScanGroup() noexcept {
  using Continues = bool (Tokenizer::*)(const Part &) const noexcept;
  Part parts[kMaxParts];
  int count = 0;
  parts[count++] = ScanPart(at_, false);
  Continues continues = nullptr;
  for (Continues const sort :
       {&Tokenizer::ContinuesNumber, &Tokenizer::ContinuesAbbreviation, &Tokenizer::ContinuesWord}) {
    if (continues == nullptr && (this->*sort)(parts[0])) continues = sort;
  }
  bool const is_number = continues == &Tokenizer::ContinuesNumber;
  while (continues != nullptr && count < kMaxParts && (this->*continues)(parts[count - 1])) {
    std::size_t const sign_end = parts[count - 1].end + At(parts[count - 1].end).bytes;
    parts[count++] = ScanPart(sign_end, is_number);
  }
  at_ = parts[count - 1].end;
  if (!is_number) {
    EmitParts(parts, count);
    return;
  }
  std::size_t const begin = parts[0].begin;
  std::uint32_t const first = position_ + 1;
  // A date or an address is found by its parts, too; a decimal number is not.
  if (count > 2 && !GroupsThousands(text_.substr(begin, at_ - begin))) {
    for (int i = 0; i < count; ++i)
      Enqueue(TokenKind::kWord, ++position_, parts[i].begin, parts[i].end);
  } else {
    ++position_;
  }
  Enqueue(TokenKind::kNumber, first, begin, at_);
}

bool Tokenizer::NextGram(Token &token) noexcept {
  Character const next = At(at_);
  ++position_;
  if (next.kind != CharacterClass::kGram) {
    in_grams_ = false;
    token = {TokenKind::kLastGram, position_, gram_begin_, gram_end_};
    return true;
  }
  std::size_t const begin = at_;
  at_ = SkipMarks(begin + next.bytes);
  token = {TokenKind::kGram, position_, gram_begin_, at_};
  gram_begin_ = begin;
  gram_end_ = at_;
  return true;
}

bool Tokenizer::Next(Token &token) noexcept {
  if (taken_ < queued_) {
    token = queue_[taken_++];
    return true;
  }
  queued_ = taken_ = 0;
  if (in_grams_) return NextGram(token);
  while (at_ < text_.size()) {
    Character const character = At(at_);
    if (character.kind == CharacterClass::kGram) {
      gram_begin_ = at_;
      at_ = gram_end_ = SkipMarks(at_ + character.bytes);
      in_grams_ = true;
      return NextGram(token);
    }
    if (IsLetterOrDigit(character.kind)) {
      ScanGroup();
      token = queue_[taken_++];
      return true;
    }
    at_ += character.bytes;
  }
  return false;
}

} // namespace itemize
