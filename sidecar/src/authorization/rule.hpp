// The one place where it is decided who may read what. Rules come from the definitions (itemize.define, argument read);
// the database has the same semantics for its searches (extension/src/search/request_claims.cpp).
#pragma once

#include "authorization/owner.hpp"
#include "identity/identity.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace itemize::sidecar::authorization {

/// On whose behalf something is read.
class Viewer {
public:
  /// Nobody in particular.
  Viewer() = default;
  /// Null: nobody in particular.
  explicit Viewer(identity::Caller caller) : caller_(std::move(caller)) {}
  /// This process, for whoever may see it: it decides that for each of them when it sends.
  [[nodiscard]] static Viewer Itself() {
    Viewer viewer;
    viewer.itself_ = true;
    return viewer;
  }
  /// Whoever may read by this rule, as long as it is the rule.
  [[nodiscard]] static Viewer Under(std::string rule) {
    Viewer viewer;
    viewer.rule_ = std::move(rule);
    return viewer;
  }

  /// Whether the rule lets this viewer read. Nobody may by a rule that is not known here.
  /// By `owner:FIELD` it may read what is its own: see MaySee.
  [[nodiscard]] bool MayRead(std::string_view rule) const;
  /// Whether it may see this item, of a type with this rule.
  [[nodiscard]] bool MaySee(std::string_view rule, std::string_view row) const;
  /// Whether it may see what is, or was, this owner's; empty: nobody's. By a rule for owners.
  [[nodiscard]] bool MaySeeOf(std::string_view owner) const;

  /// Null: nobody in particular.
  [[nodiscard]] const identity::Caller &caller() const { return caller_; }
  /// From when on it may do no more than nobody in particular.
  [[nodiscard]] std::optional<std::chrono::system_clock::time_point> expires() const;
  /// As request.jwt.claims; empty for nobody in particular.
  [[nodiscard]] std::string_view claims() const;

private:
  identity::Caller caller_;
  bool itself_ = false;
  std::optional<std::string> rule_;
};

/// What everybody sees alike may be kept by shared caches.
[[nodiscard]] bool IsForEveryone(std::string_view rule);

} // namespace itemize::sidecar::authorization
