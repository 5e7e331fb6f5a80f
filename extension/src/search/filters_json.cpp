#include "search/filters_json.hpp"

#include "boundary/error.hpp"

namespace itemize {

namespace {

constexpr int kInvalidValue = SqlState("22023");
constexpr int kLimitExceeded = SqlState("54000");

void AppendUtf8(std::string &out, unsigned code) {
  const auto tail = [&](unsigned shift) { out += static_cast<char>(0x80U | ((code >> shift) & 0x3FU)); };
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0U | (code >> 6U));
    tail(0);
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0U | (code >> 12U));
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xF0U | (code >> 18U));
    tail(12);
    tail(6);
    tail(0);
  }
}

class Reader {
public:
  Reader(std::string_view json, std::string_view what) : json_(json), what_(what) {}

  JsonValue ReadAll() {
    JsonValue value = ReadValue(0);
    SkipSpace();
    if (at_ != json_.size()) Fail();
    return value;
  }

private:
  [[noreturn]] void Fail() const {
    throw Error(kInvalidValue, std::string(what_) + " are no JSON from byte " + std::to_string(at_ + 1) + " on");
  }

  void SkipSpace() {
    while (at_ < json_.size() && (json_[at_] == ' ' || json_[at_] == '\t' || json_[at_] == '\n' || json_[at_] == '\r'))
      ++at_;
  }

  char Peek() {
    SkipSpace();
    if (at_ == json_.size()) Fail();
    return json_[at_];
  }

  void Expect(char character) {
    if (Peek() != character) Fail();
    ++at_;
  }

  bool Take(char character) {
    if (Peek() != character) return false;
    ++at_;
    return true;
  }

  JsonValue ReadValue(int depth) {
    if (depth > kMaxJsonDepth) {
      throw Error(kLimitExceeded,
                  std::string(what_) + " are nested more than " + std::to_string(kMaxJsonDepth) + " deep");
    }
    JsonValue value;
    const char first = Peek();
    const std::size_t begin = at_;
    switch (first) {
    case '{': ReadMembers(value, depth); break;
    case '[': ReadItems(value, depth); break;
    case '"':
      value.kind = JsonValue::Kind::kString;
      value.text = ReadString();
      return value;
    case 't': ReadWord(value, JsonValue::Kind::kBoolean, "true"); break;
    case 'f': ReadWord(value, JsonValue::Kind::kBoolean, "false"); break;
    case 'n': ReadWord(value, JsonValue::Kind::kNull, "null"); break;
    default: ReadNumber(value); break;
    }
    value.text = json_.substr(begin, at_ - begin);
    return value;
  }

  void ReadWord(JsonValue &value, JsonValue::Kind kind, std::string_view word) {
    if (json_.substr(at_, word.size()) != word) Fail();
    at_ += word.size();
    value.kind = kind;
  }

  bool ReadDigits() {
    const std::size_t begin = at_;
    while (at_ < json_.size() && json_[at_] >= '0' && json_[at_] <= '9')
      ++at_;
    return at_ > begin;
  }

  bool TakeOneOf(std::string_view characters) {
    if (at_ == json_.size() || characters.find(json_[at_]) == std::string_view::npos) return false;
    ++at_;
    return true;
  }

  void ReadNumber(JsonValue &value) {
    value.kind = JsonValue::Kind::kNumber;
    TakeOneOf("-");
    if (!ReadDigits()) Fail();
    if (TakeOneOf(".") && !ReadDigits()) Fail();
    if (TakeOneOf("eE")) {
      TakeOneOf("+-");
      if (!ReadDigits()) Fail();
    }
  }

  void ReadItems(JsonValue &value, int depth) {
    value.kind = JsonValue::Kind::kArray;
    Expect('[');
    if (Take(']')) return;
    do {
      value.items.push_back(ReadValue(depth + 1));
    } while (Take(','));
    Expect(']');
  }

  void ReadMembers(JsonValue &value, int depth) {
    value.kind = JsonValue::Kind::kObject;
    Expect('{');
    if (Take('}')) return;
    do {
      if (Peek() != '"') Fail();
      std::string name = ReadString();
      Expect(':');
      value.members.emplace_back(std::move(name), ReadValue(depth + 1));
    } while (Take(','));
    Expect('}');
  }

  unsigned ReadHex() {
    unsigned code = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const std::size_t digit =
          at_ < json_.size() ? std::string_view("0123456789abcdefABCDEF").find(json_[at_]) : std::string_view::npos;
      if (digit == std::string_view::npos) Fail();
      code = code * 16 + static_cast<unsigned>(digit < 16 ? digit : digit - 6);
    }
    return code;
  }

  void ReadEscape(std::string &text) {
    constexpr std::string_view kSigns = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    const char sign = at_ < json_.size() ? json_[at_] : '\0';
    ++at_;
    const std::size_t known = kSigns.find(sign);
    if (known != std::string_view::npos) {
      text += kMeanings[known];
      return;
    }
    if (sign != 'u') Fail();
    unsigned code = ReadHex();
    if (code >= 0xD800 && code < 0xDC00) {
      if (json_.substr(at_, 2) != "\\u") Fail();
      at_ += 2;
      const unsigned low = ReadHex();
      if (low < 0xDC00 || low > 0xDFFF) Fail();
      code = 0x10000 + ((code - 0xD800) << 10U) + (low - 0xDC00);
    } else if (code == 0 || (code >= 0xDC00 && code <= 0xDFFF)) {
      Fail();
    }
    AppendUtf8(text, code);
  }

  std::string ReadString() {
    std::string text;
    ++at_; // the quote
    while (at_ < json_.size() && json_[at_] != '"') {
      const char character = json_[at_++];
      if (static_cast<unsigned char>(character) < 0x20) Fail();
      if (character == '\\') {
        ReadEscape(text);
      } else {
        text += character;
      }
    }
    if (at_ >= json_.size()) Fail();
    ++at_;
    return text;
  }

  std::string_view json_;
  std::string_view what_;
  std::size_t at_ = 0;
};

} // namespace

JsonValue ReadJson(std::string_view json, std::string_view what, const char *too_long_hint) {
  if (json.size() > kMaxFilterBytes) {
    throw Error(kLimitExceeded,
                std::string(what) + " are longer than " + std::to_string(kMaxFilterBytes) + " bytes as text")
        .Hint(too_long_hint);
  }
  return Reader(json, what).ReadAll();
}

std::string Shown(std::string_view text) {
  constexpr std::size_t kMaxShown = 60;
  if (text.size() <= kMaxShown) return std::string(text);
  std::size_t end = kMaxShown;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U)
    --end;
  return std::string(text.substr(0, end)) + "...";
}

} // namespace itemize
