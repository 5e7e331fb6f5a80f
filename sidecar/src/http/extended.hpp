// extended: what clients talk to. Everything of it in one process, taken up and down in order.
#pragma once

#include "base/services.hpp"
#include "base/stop_token.hpp"
#include "options.hpp"

#include <memory>

namespace itemize::sidecar {

class Extended {
public:
  /// Listens from here on, so that a wrong address or directory is found at start: throws ConfigError.
  Extended(const Options &options, Services &services);
  ~Extended();
  Extended(const Extended &) = delete;
  Extended &operator=(const Extended &) = delete;

  /// Until a stop is requested; then clients are sent away in good order and it returns within kDrainBound.
  void Run(const StopToken &stop);

private:
  class Parts;
  std::unique_ptr<Parts> parts_;
};

} // namespace itemize::sidecar
