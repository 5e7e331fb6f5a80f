#include "search/order_words.hpp"

#include <utility>

namespace itemize {

namespace {

/// Quotes what somebody wrote, shortened, for a message.
std::string Shown(std::string_view text) {
  constexpr std::size_t kMaxShown = 64;
  std::size_t length = text.size() > kMaxShown ? kMaxShown : text.size();
  // Not in the middle of a character.
  while (length > 0 && length < text.size() && (static_cast<unsigned char>(text[length]) & 0xC0U) == 0x80U)
    --length;
  return "\"" + std::string(text.substr(0, length)) + (length < text.size() ? "...\"" : "\"");
}

class Parser {
public:
  explicit Parser(std::string_view text) : rest_(text) {}

  OrderWords Parse() {
    OrderWords words;
    do {
      if (words.items.size() == kMaxSortItems) {
        words.problem = "more than " + std::to_string(kMaxSortItems) + " sort items";
        return words;
      }
      OrderWord word;
      words.problem = ParseItem(word);
      if (!words.problem.empty()) return words;
      words.items.push_back(std::move(word));
    } while (Take(','));
    if (!rest_.empty()) words.problem = Shown(rest_) + " is not understood";
    return words;
  }

private:
  void SkipBlanks() {
    while (!rest_.empty() && (rest_[0] == ' ' || rest_[0] == '\t' || rest_[0] == '\n' || rest_[0] == '\r'))
      rest_.remove_prefix(1);
  }

  bool Take(char sign) {
    SkipBlanks();
    if (rest_.empty() || rest_[0] != sign) return false;
    rest_.remove_prefix(1);
    return true;
  }

  /// Up to a separator; any byte of a character beyond ASCII is a letter.
  std::string_view Bare() {
    SkipBlanks();
    std::size_t length = 0;
    while (length < rest_.size() && std::string_view(".,\" \t\n\r").find(rest_[length]) == std::string_view::npos)
      ++length;
    const std::string_view word = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return word;
  }

  std::string Quoted() {
    std::string name;
    while (!rest_.empty()) {
      const char sign = rest_[0];
      rest_.remove_prefix(1);
      if (sign != '"') {
        name += sign;
      } else if (!rest_.empty() && rest_[0] == '"') {
        name += '"';
        rest_.remove_prefix(1);
      } else {
        return name;
      }
    }
    return {};
  }

  std::string ParseItem(OrderWord &word) {
    word.name = Take('"') ? Quoted() : std::string(Bare());
    if (word.name.empty()) return "a name is missing";
    while (Take('.')) {
      const std::string_view modifier = Bare();
      if (!word.descending && !word.nulls_first && (modifier == "asc" || modifier == "desc")) {
        word.descending = modifier == "desc";
      } else if (!word.nulls_first && (modifier == "nullsfirst" || modifier == "nullslast")) {
        word.nulls_first = modifier == "nullsfirst";
      } else {
        return Shown(modifier) + " after " + Shown(word.name) + " is not understood";
      }
    }
    return {};
  }

  std::string_view rest_;
};

} // namespace

OrderWords ParseOrderWords(std::string_view text) { return Parser(text).Parse(); }

} // namespace itemize
