// What can go wrong, by what the process does about it. Any other exception is transient: the loop
// that meets it logs, backs off and tries again.
#pragma once

#include <stdexcept>
#include <string>

namespace itemize::sidecar {

class Error : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// The configuration is wrong: one line on stderr, exit code 2.
class ConfigError : public Error {
public:
  using Error::Error;
};

/// Waiting does not help, somebody has to act (wal_level, privileges, a missing extension): one line
/// that says what to do, exit code 1.
class FatalError : public Error {
public:
  using Error::Error;
};

/// The stop token was triggered while something waited.
class Stopped : public Error {
public:
  Stopped() : Error("stopped") {}
};

inline constexpr int kExitFailure = 1;
inline constexpr int kExitConfiguration = 2;
/// tail: what the reader holds is worth nothing any more, it must load anew.
inline constexpr int kExitResync = 3;
/// erasure-check, verify: something was found; status: there is something to do.
inline constexpr int kExitFound = 4;

} // namespace itemize::sidecar
