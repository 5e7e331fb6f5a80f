#include "authorization/rule.hpp"

#include "itemize/read_rule.hpp"

namespace itemize::sidecar::authorization {

bool IsForEveryone(std::string_view rule) { return RuleOf(rule) == kReadEveryone; }

bool Viewer::MayRead(std::string_view rule) const {
  if (rule_) return rule == *rule_;
  if (itself_) {
    return IsForEveryone(rule) || RuleOf(rule) == kReadAuthenticated || IsRuleOfRoles(rule) || IsRuleOfOwners(rule);
  }
  return RuleAdmits(
      rule, [this] { return caller_ && !caller_->subject.empty(); },
      [this](std::string_view role) { return caller_ && caller_->HasRole(role); });
}

bool Viewer::MaySeeOf(std::string_view owner) const {
  return itself_ || rule_ || (caller_ && !owner.empty() && caller_->subject == owner);
}

bool Viewer::MaySee(std::string_view rule, std::string_view row) const {
  if (!IsRuleOfOwners(rule)) return MayRead(rule);
  const auto owner = OwnerOf(rule, row);
  return owner && MaySeeOf(*owner);
}

std::optional<std::chrono::system_clock::time_point> Viewer::expires() const {
  return caller_ ? std::optional(caller_->expires) : std::nullopt;
}

std::string_view Viewer::claims() const { return caller_ ? std::string_view(caller_->claims) : std::string_view(); }

} // namespace itemize::sidecar::authorization
