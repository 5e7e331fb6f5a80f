// Who may read a type, by the `read` of its definition: `nobody`, `everyone`, `authenticated`, or `role:` and names.
// Decided here for the sidecar and for the database alike. Plain C++17.
#pragma once

#include <string_view>

namespace itemize {

inline constexpr std::string_view kReadEveryone = "everyone";
inline constexpr std::string_view kReadAuthenticated = "authenticated";
/// Then names, separated by commas.
inline constexpr std::string_view kReadRoles = "role:";

inline bool IsRuleOfRoles(std::string_view rule) { return rule.substr(0, kReadRoles.size()) == kReadRoles; }

/// Whether `accepts(name)` holds for one of the names of a rule that IsRuleOfRoles. All are looked at until it does,
/// empty ones too.
template <typename Accepts>
bool AnyRoleOf(std::string_view rule, Accepts accepts) {
  std::string_view names = rule.substr(kReadRoles.size());
  while (true) {
    const std::string_view name = names.substr(0, names.find(','));
    if (accepts(name)) return true;
    if (name.size() == names.size()) return false;
    names.remove_prefix(name.size() + 1);
  }
}

/// Whether the rule lets somebody read: `is_somebody()` says whether he is more than nobody in particular,
/// `has_role(name)` whether a role is his. Neither is asked where it does not matter. Nobody may by a rule that is not
/// known here.
template <typename IsSomebody, typename HasRole>
bool RuleAdmits(std::string_view rule, IsSomebody is_somebody, HasRole has_role) {
  if (rule == kReadEveryone) return true;
  if (rule == kReadAuthenticated) return is_somebody();
  return IsRuleOfRoles(rule) && AnyRoleOf(rule, [&](std::string_view name) { return !name.empty() && has_role(name); });
}

} // namespace itemize
