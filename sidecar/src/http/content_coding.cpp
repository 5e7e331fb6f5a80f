#include "http/content_coding.hpp"

#include <algorithm>
#include <optional>

namespace itemize::sidecar::http {

namespace {

constexpr int kFullWeight = 1000;
/// Of identity when nothing is said of it: taken, and after all that is asked for.
constexpr int kLeastWeight = 1;

/// `0`, `0.5`, `1.000` in thousandths (RFC 9110 section 12.4.2).
std::optional<int> ParseWeight(std::string_view text) {
  constexpr std::size_t kLongest = 5;
  if (text.empty() || text.size() > kLongest || (text[0] != '0' && text[0] != '1')) return std::nullopt;
  int weight = (text[0] - '0') * kFullWeight;
  if (text.size() > 1 && text[1] != '.') return std::nullopt;
  int place = kFullWeight / 10;
  for (const char digit : text.substr(std::min<std::size_t>(text.size(), 2))) {
    if (digit < '0' || digit > '9') return std::nullopt;
    weight += (digit - '0') * place;
    place /= 10;
  }
  return weight <= kFullWeight ? std::optional(weight) : std::nullopt;
}

} // namespace

AcceptedCodings::AcceptedCodings(const RequestHead &head) {
  std::array<std::optional<int>, kCodings> said;
  std::optional<int> others;
  for (const HeaderField &field : head.fields) {
    if (!EqualsIgnoringCase(field.name, "Accept-Encoding")) continue;
    std::string_view rest = field.value;
    while (!rest.empty()) {
      std::string_view element = TakeUpTo(',', rest);
      const std::string_view name = TakeUpTo(';', element);
      std::optional<int> weight = kFullWeight;
      if (!element.empty()) {
        const std::string_view parameter = TakeUpTo('=', element);
        weight = EqualsIgnoringCase(parameter, "q") ? ParseWeight(TrimBlanks(element)) : std::nullopt;
      }
      if (!weight) continue;
      if (name == "*") others = weight;
      if (EqualsIgnoringCase(name, "identity")) said[static_cast<std::size_t>(Coding::kIdentity)] = weight;
      if (EqualsIgnoringCase(name, "gzip") || EqualsIgnoringCase(name, "x-gzip"))
        said[static_cast<std::size_t>(Coding::kGzip)] = weight;
      if (EqualsIgnoringCase(name, "br")) said[static_cast<std::size_t>(Coding::kBrotli)] = weight;
    }
  }
  for (const Coding coding : {Coding::kGzip, Coding::kBrotli}) {
    const auto at = static_cast<std::size_t>(coding);
    weights_[at] = said[at].value_or(others.value_or(0));
  }
  const auto &identity = said[static_cast<std::size_t>(Coding::kIdentity)];
  weights_[static_cast<std::size_t>(Coding::kIdentity)] = identity.value_or(others && *others == 0 ? 0 : kLeastWeight);
}

Coding AcceptedCodings::Preferred() const {
  Coding best = Coding::kIdentity;
  int weight = 0;
  for (const Coding coding : {Coding::kBrotli, Coding::kGzip, Coding::kIdentity}) {
    const int its = weights_[static_cast<std::size_t>(coding)];
    if (its > weight) {
      best = coding;
      weight = its;
    }
  }
  return best;
}

std::string_view NameOf(Coding coding) {
  switch (coding) {
  case Coding::kGzip: return "gzip";
  case Coding::kBrotli: return "br";
  case Coding::kIdentity: break;
  }
  return {};
}

std::string TagUnder(std::string_view tag, Coding coding) {
  if (coding == Coding::kIdentity) return std::string(tag);
  std::string under(tag.substr(0, tag.size() - 1));
  under += '-';
  under += NameOf(coding);
  under += '"';
  return under;
}

} // namespace itemize::sidecar::http
