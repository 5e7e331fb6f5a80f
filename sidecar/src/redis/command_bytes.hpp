// A command as it goes over the wire (RESP), made argument by argument: what is written here is not copied into
// anything else first.
#pragma once

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace itemize::sidecar {

class CommandBytes {
public:
  void Add(std::string_view argument) {
    AddCount('$', argument.size());
    bytes_.append(argument).append("\r\n", 2);
    ++arguments_;
  }
  void Add(std::uint64_t number) {
    std::array<char, 20> digits{};
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
    (void)error;
    Add(std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data())));
  }

  [[nodiscard]] std::size_t arguments() const { return arguments_; }
  [[nodiscard]] std::string_view bytes() const { return bytes_; }

  void Clear() { Resize(0, 0); }
  /// Back to an earlier state, as arguments() and bytes().size() told it.
  void Resize(std::size_t arguments, std::size_t size) {
    arguments_ = arguments;
    bytes_.resize(size);
  }

  /// What comes before the first argument of a command of so many.
  static std::string Head(std::size_t arguments) { return '*' + std::to_string(arguments) + "\r\n"; }

private:
  void AddCount(char mark, std::size_t count) {
    std::array<char, 23> text{};
    text[0] = mark;
    char *end = std::to_chars(text.data() + 1, text.data() + text.size() - 2, count).ptr;
    *end++ = '\r';
    *end++ = '\n';
    bytes_.append(text.data(), static_cast<std::size_t>(end - text.data()));
  }

  std::string bytes_;
  std::size_t arguments_ = 0;
};

} // namespace itemize::sidecar
