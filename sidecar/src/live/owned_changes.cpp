#include "live/owned_changes.hpp"

#include "itemize/read_rule.hpp"
#include "live/event.hpp"

#include <utility>

namespace itemize::sidecar::live {

OwnedChanges::OwnedChanges(authorization::Viewer viewer, std::unordered_map<std::string, std::string> rules)
    : viewer_(std::move(viewer)), rules_(std::move(rules)) {}

std::string_view OwnedChanges::RuleOf(std::string_view type) const {
  if (rules_.empty()) return {};
  const auto at = rules_.find(std::string(type));
  return at != rules_.end() && IsRuleOfOwners(at->second) ? std::string_view(at->second) : std::string_view();
}

OwnedChanges::For OwnedChanges::Of(const Change &change) const {
  const std::string_view rule = RuleOf(change.type);
  if (rule.empty()) return For::kViewer;
  const auto owner = OwnerOfChange(rule, change);
  if (!owner) return For::kUnknown;
  return viewer_.MaySeeOf(*owner) ? For::kViewer : For::kAnother;
}

} // namespace itemize::sidecar::live
