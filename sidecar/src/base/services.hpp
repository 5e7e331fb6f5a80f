// What every part of the process is given by main.
#pragma once

#include "base/logger.hpp"
#include "base/metrics.hpp"
#include "base/readiness.hpp"

namespace itemize::sidecar {

/// References to objects that main owns and that outlive every thread.
struct Services {
  Logger &log;
  Metrics &metrics;
  Readiness &readiness;
};

} // namespace itemize::sidecar
