// Where keys are read from: a file with a secret, and a key set in a file or at a URL.
#pragma once

#include "identity/jwks.hpp"

#include <string>

namespace itemize::sidecar::identity {

struct KeySourceOptions {
  /// File whose bytes, but for a line end, are the secret of HS256. Empty: none.
  std::string secret_file;
  /// File, or https:// URL, of a JSON Web Key Set. http:// only of this very machine, as keys that somebody on the way
  /// can change are worth nothing. Empty: none.
  std::string jwks;

  [[nodiscard]] bool any() const { return !secret_file.empty() || !jwks.empty(); }
};

/// Whether the keys may be away for a while without the configuration being wrong.
[[nodiscard]] bool IsRemote(const KeySourceOptions &options);

/// Throws ConfigError for a URL that is none, or that is not to be trusted.
void CheckKeySource(const KeySourceOptions &options);

/// Of the files alone. Throws ConfigError.
[[nodiscard]] KeySet ReadKeyFiles(const KeySourceOptions &options);

/// Of the URL: at most kMostJwksBytes, within some seconds, by way of no redirection. Throws Error.
[[nodiscard]] KeySet FetchKeys(const std::string &url);

} // namespace itemize::sidecar::identity
