// The way back: runs a callable when the scope is left, however it is left.
#pragma once

#include <utility>

namespace itemize::sidecar {

template <typename Callable>
class [[nodiscard]] ScopeExit {
public:
  explicit ScopeExit(Callable callable) : callable_(std::move(callable)) {}
  ScopeExit(const ScopeExit &) = delete;
  ScopeExit &operator=(const ScopeExit &) = delete;
  ScopeExit(ScopeExit &&) = delete;
  ScopeExit &operator=(ScopeExit &&) = delete;
  ~ScopeExit() { callable_(); }

private:
  Callable callable_;
};

} // namespace itemize::sidecar
