#include "authorization/rule.hpp"

namespace itemize::sidecar::authorization {

namespace {

constexpr std::string_view kEveryone = "everyone";
constexpr std::string_view kAuthenticated = "authenticated";
/// Then names, separated by commas.
constexpr std::string_view kRoles = "role:";

bool IsOfRoles(std::string_view rule) { return rule.substr(0, kRoles.size()) == kRoles; }

bool HasOneOf(const identity::Identity &identity, std::string_view names) {
  while (!names.empty()) {
    const std::size_t comma = names.find(',');
    const std::string_view name = names.substr(0, comma);
    if (!name.empty() && identity.HasRole(name)) return true;
    if (comma == std::string_view::npos) return false;
    names.remove_prefix(comma + 1);
  }
  return false;
}

} // namespace

bool IsForEveryone(std::string_view rule) { return rule == kEveryone; }

bool Viewer::MayRead(std::string_view rule) const {
  if (rule_) return rule == *rule_;
  if (IsForEveryone(rule)) return true;
  if (itself_) return rule == kAuthenticated || IsOfRoles(rule);
  if (!caller_) return false;
  if (rule == kAuthenticated) return !caller_->subject.empty();
  return IsOfRoles(rule) && HasOneOf(*caller_, rule.substr(kRoles.size()));
}

std::optional<std::chrono::system_clock::time_point> Viewer::expires() const {
  return caller_ ? std::optional(caller_->expires) : std::nullopt;
}

std::string_view Viewer::claims() const { return caller_ ? std::string_view(caller_->claims) : std::string_view(); }

} // namespace itemize::sidecar::authorization
