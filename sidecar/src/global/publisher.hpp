// global: the logical slot's stream -> the global Redis stream. Of however many such processes one does
// the work: the one that holds the slot.
#pragma once

#include "base/services.hpp"
#include "base/stop_token.hpp"
#include "options.hpp"

namespace itemize::sidecar {

class Publisher {
public:
  /// Both are kept by reference.
  Publisher(const Options &options, Services &services);

  /// Until a stop is requested. Transient faults are waited out here; throws FatalError for those
  /// that somebody has to mend, unless it has worked before: then they are waited out, too.
  void Run(const StopToken &stop);

private:
  const Options &options_;
  Services &services_;
};

} // namespace itemize::sidecar
