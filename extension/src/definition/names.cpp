#include "definition/names.hpp"

#include <array>
#include <cstddef>

namespace itemize {

namespace {

bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
char Lower(char c) { return IsUpper(c) ? static_cast<char>(c - 'A' + 'a') : c; }

bool EqualsIgnoringCase(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (Lower(text[i]) != lower[i]) return false;
  }
  return true;
}

bool ContainsIgnoringCase(std::string_view text, std::string_view lower) {
  for (std::size_t i = 0; i + lower.size() <= text.size(); ++i) {
    if (EqualsIgnoringCase(text.substr(i, lower.size()), lower)) return true;
  }
  return false;
}

struct PrivateWord {
  std::string_view word;
  std::string_view reason;
  bool anywhere; ///< also inside of a longer word (`userpassword`), where no innocent word holds it
};

constexpr std::string_view kCredential = "looks like a credential";
constexpr std::string_view kContact = "looks like a person's contact data";
constexpr std::string_view kIdentity = "looks like a person's identity";
constexpr std::string_view kPayment = "looks like payment data";
constexpr std::string_view kNetwork = "looks like a network address";

constexpr std::array<PrivateWord, 37> kPrivateWords{{
    {"password", kCredential, true},   {"passwd", kCredential, true}, {"passphrase", kCredential, true},
    {"pwd", kCredential, false},       {"hash", kCredential, false},  {"salt", kCredential, false},
    {"token", kCredential, true},      {"secret", kCredential, true}, {"apikey", kCredential, true},
    {"credential", kCredential, true}, {"otp", kCredential, false},   {"pin", kCredential, false},
    {"session", kCredential, false},   {"email", kContact, true},     {"mail", kContact, false},
    {"phone", kContact, true},         {"mobile", kContact, false},   {"fax", kContact, false},
    {"address", kContact, true},       {"street", kContact, false},   {"zip", kContact, false},
    {"postcode", kContact, false},     {"ssn", kIdentity, false},     {"passport", kIdentity, true},
    {"birthdate", kIdentity, true},    {"birthday", kIdentity, true}, {"birth", kIdentity, false},
    {"dob", kIdentity, false},         {"tax", kIdentity, false},     {"nin", kIdentity, false},
    {"iban", kPayment, false},         {"bic", kPayment, false},      {"cvv", kPayment, false},
    {"salary", kPayment, false},       {"ip", kNetwork, false},       {"ipaddr", kNetwork, false},
    {"mac", kNetwork, false},
}};

/// Where the word that begins at `begin` ends: at an underscore or the like, or at a capital after a small letter.
std::size_t WordEnd(std::string_view name, std::size_t begin) {
  std::size_t end = begin;
  while (end < name.size()) {
    char const c = name[end];
    if (!IsLower(c) && !IsUpper(c) && !IsDigit(c) && static_cast<unsigned char>(c) < 0x80) break;
    if (end > begin && IsUpper(c) && IsLower(name[end - 1])) break;
    ++end;
  }
  return end;
}

bool HasWord(std::string_view name, std::string_view word) {
  for (std::size_t begin = 0; begin < name.size();) {
    std::size_t const end = WordEnd(name, begin);
    if (end == begin) {
      ++begin;
      continue;
    }
    if (EqualsIgnoringCase(name.substr(begin, end - begin), word)) return true;
    begin = end;
  }
  return false;
}

} // namespace

bool IsTypeName(std::string_view name) {
  if (name.empty() || name.size() > kMaxTypeNameBytes || IsDigit(name[0])) return false;
  for (char const c : name) {
    if (!IsLower(c) && !IsDigit(c) && c != '_') return false;
  }
  return true;
}

std::string_view LooksPrivate(std::string_view column, std::string_view comment) {
  for (const PrivateWord &candidate : kPrivateWords) {
    if (candidate.anywhere ? ContainsIgnoringCase(column, candidate.word) : HasWord(column, candidate.word)) {
      return candidate.reason;
    }
  }
  if (ContainsIgnoringCase(comment, "private")) return "its comment says private";
  if (ContainsIgnoringCase(comment, "internal")) return "its comment says internal";
  return {};
}

} // namespace itemize
