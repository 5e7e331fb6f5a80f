// Whose the changes of items are that are each for their owner alone, in what is told of the stream's past.
#pragma once

#include "authorization/rule.hpp"
#include "itemize/change_event.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace itemize::sidecar::live {

class OwnedChanges {
public:
  /// Nothing is.
  OwnedChanges() = default;
  /// `rules`: of types, in the words of their definitions.
  OwnedChanges(authorization::Viewer viewer, std::unordered_map<std::string, std::string> rules);

  /// Whether each item of the type is for its owner alone.
  [[nodiscard]] bool Has(std::string_view type) const { return !RuleOf(type).empty(); }

  enum class For : std::uint8_t {
    kViewer, ///< or of another type
    kAnother,
    kUnknown ///< the change does not tell: the viewer has to load everything anew
  };
  /// Of an inserted, updated or deleted row.
  [[nodiscard]] For Of(const Change &change) const;

private:
  /// Empty when items of the type are not for their owners.
  [[nodiscard]] std::string_view RuleOf(std::string_view type) const;

  authorization::Viewer viewer_;
  std::unordered_map<std::string, std::string> rules_;
};

} // namespace itemize::sidecar::live
