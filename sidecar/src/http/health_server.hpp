// /livez, /readyz and /metrics on a port of their own: the only port of a process in mode global or local.
#pragma once

#include "base/services.hpp"
#include "base/stop_token.hpp"
#include "options.hpp"

#include <memory>

namespace itemize::sidecar {

class HealthServer {
public:
  /// Listens from here on; throws ConfigError.
  HealthServer(const Options &options, Services &services);
  ~HealthServer();
  HealthServer(const HealthServer &) = delete;
  HealthServer &operator=(const HealthServer &) = delete;

  /// Until a stop is requested.
  void Run(const StopToken &stop);

private:
  class Parts;
  std::unique_ptr<Parts> parts_;
};

} // namespace itemize::sidecar
