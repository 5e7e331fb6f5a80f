// Compares the cluster's copy with the database again and again, at a bounded rate, for as long as the process runs.
#pragma once

#include "base/services.hpp"
#include "base/stop_token.hpp"
#include "options.hpp"

namespace itemize::sidecar::coherence {

class Schedule {
public:
  /// Both are kept by reference.
  Schedule(const Options &options, Services &services);

  /// Until a stop is requested. Faults are waited out here; they concern nobody else.
  void Run(const StopToken &stop);

private:
  const Options &options_;
  Services &services_;
};

} // namespace itemize::sidecar::coherence
