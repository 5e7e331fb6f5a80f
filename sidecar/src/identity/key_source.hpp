// Where keys are read from: a file with a secret, and a key set in a file or at a URL.
#pragma once

#include "base/stop_token.hpp"
#include "identity/jwks.hpp"

#include <functional>
#include <string>
#include <vector>

namespace itemize::sidecar::identity {

struct KeySourceOptions {
  /// File whose bytes, but for a line end, are the secret of HS256. Empty: none.
  std::string secret_file;
  /// File, or https:// URL, of a JSON Web Key Set. http:// only of this very machine, as keys that somebody on the way
  /// can change are worth nothing. Empty: none.
  std::string jwks;

  [[nodiscard]] bool any() const { return !secret_file.empty() || !jwks.empty(); }
};

struct KeySource {
  /// Whether it may be away for a while without the configuration being wrong.
  bool remote = false;
  /// Throws Error when the keys cannot be read. A key set without one that can be used is an empty set: its keys have
  /// been revoked.
  std::function<KeySet(const StopToken &)> read;
};

/// Throws ConfigError for a URL that is none, or that is not to be trusted.
[[nodiscard]] std::vector<KeySource> KeySourcesOf(const KeySourceOptions &options);

/// Where nothing has been read yet, nothing can have been revoked: throws ConfigError also for an empty set.
[[nodiscard]] KeySet ReadFirst(const KeySource &source, const StopToken &stop);

} // namespace itemize::sidecar::identity
