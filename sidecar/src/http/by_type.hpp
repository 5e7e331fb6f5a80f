// Lists of items in an answer that is about many types.
#pragma once

#include <string>
#include <string_view>

namespace itemize::sidecar::http {

/// `{"TYPE":…,"TYPE":…}`, each type's entries in brackets of their own. Entries of one type come together.
class ByType {
public:
  /// `brackets`: the opening and the closing one.
  explicit ByType(std::string_view brackets) : brackets_(brackets) {}

  void Add(const std::string &type, std::string_view entry) {
    if (type != type_) {
      Close();
      text_ += (text_.empty() ? "\"" : ",\"") + type + "\":" + brackets_[0];
      type_ = type;
      first_ = true;
    }
    if (!first_) text_ += ',';
    first_ = false;
    text_ += entry;
  }

  /// The object of them all.
  [[nodiscard]] std::string Take() {
    Close();
    return '{' + text_ + '}';
  }
  [[nodiscard]] bool empty() const { return text_.empty(); }

private:
  void Close() {
    if (!type_.empty()) text_ += brackets_[1];
    type_.clear();
  }

  std::string_view brackets_;
  std::string text_;
  std::string type_;
  bool first_ = true;
};

/// Of what holds nothing that JSON escapes: canonical key texts and names of types.
[[nodiscard]] inline std::string InQuotes(std::string_view name) { return '"' + std::string(name) + '"'; }

} // namespace itemize::sidecar::http
