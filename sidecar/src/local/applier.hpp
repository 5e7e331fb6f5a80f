// local: the global stream -> versioned entries of the held keys in the local Redis.
#pragma once

#include "base/services.hpp"
#include "base/stop_token.hpp"
#include "options.hpp"

namespace itemize::sidecar {

class Applier {
public:
  /// Both are kept by reference.
  Applier(const Options &options, Services &services);

  /// Until a stop is requested. Faults of either Redis are waited out here.
  void Run(const StopToken &stop);

private:
  const Options &options_;
  Services &services_;
};

} // namespace itemize::sidecar
