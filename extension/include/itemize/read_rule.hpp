// Who may read a type, by the `read` of its definition: `nobody`, `everyone`, `authenticated`, `owner`, or `role:` and
// names. Where it is carried, the definition's directives for caches may stand behind it: see RuleOf.
// Decided here for the sidecar and for the database alike. Plain C++17.
#pragma once

#include "itemize/cache_control.hpp"

#include <string_view>

namespace itemize {

inline constexpr std::string_view kReadEveryone = "everyone";
inline constexpr std::string_view kReadAuthenticated = "authenticated";
/// Then names, separated by commas.
inline constexpr std::string_view kReadRoles = "role:";
/// Each item for its owner alone. In the change stream a colon follows, and the name of the field that says whose an
/// item is; without a name it is nobody's.
inline constexpr std::string_view kReadOwner = "owner";

inline bool IsRuleOfOwners(std::string_view rule) {
  rule = RuleOf(rule);
  return rule.substr(0, kReadOwner.size()) == kReadOwner &&
         (rule.size() == kReadOwner.size() || rule[kReadOwner.size()] == ':');
}

/// Of a rule that IsRuleOfOwners; empty when it names none.
inline std::string_view OwnerFieldOf(std::string_view rule) {
  rule = RuleOf(rule);
  return rule.size() > kReadOwner.size() ? rule.substr(kReadOwner.size() + 1) : std::string_view();
}

inline bool IsRuleOfRoles(std::string_view rule) { return rule.substr(0, kReadRoles.size()) == kReadRoles; }

/// Whether `accepts(name)` holds for one of the names of a rule that IsRuleOfRoles. All are looked at until it does,
/// empty ones too.
template <typename Accepts>
bool AnyRoleOf(std::string_view rule, Accepts accepts) {
  std::string_view names = RuleOf(rule).substr(kReadRoles.size());
  while (true) {
    const std::string_view name = names.substr(0, names.find(','));
    if (accepts(name)) return true;
    if (name.size() == names.size()) return false;
    names.remove_prefix(name.size() + 1);
  }
}

/// Whether the rule lets somebody read, of owners' items what is his: `is_somebody()` says whether he is more than
/// nobody in particular, `has_role(name)` whether a role is his. Neither is asked where it does not matter. Nobody may
/// by a rule that is not known here.
template <typename IsSomebody, typename HasRole>
bool RuleAdmits(std::string_view rule, IsSomebody is_somebody, HasRole has_role) {
  rule = RuleOf(rule);
  if (rule == kReadEveryone) return true;
  if (rule == kReadAuthenticated || IsRuleOfOwners(rule)) return is_somebody();
  return IsRuleOfRoles(rule) && AnyRoleOf(rule, [&](std::string_view name) { return !name.empty() && has_role(name); });
}

} // namespace itemize
