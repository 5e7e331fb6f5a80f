// The truth that a copy is compared with: checksums and rows of the primary.
#pragma once

#include "itemize/lsn.hpp"
#include "postgres/connection.hpp"
#include "read/local_copy.hpp"

#include <string>
#include <vector>

namespace itemize::sidecar::coherence {

struct BucketChecksum {
  std::uint32_t bucket = 0;
  std::uint64_t checksum = 0;
  std::string generation;
};

struct ReferenceRows {
  /// In the order of the keys.
  std::vector<read::FetchedItem> items;
  /// Every transaction that the rows' snapshot contains ends at or before it, and is on disk.
  Position horizon;
};

/// Functions throw PostgresError, read::UnknownType, or Stopped.
class Reference {
public:
  /// Of those buckets that have a key.
  static std::vector<BucketChecksum> Checksums(PostgresConnection &database, const std::string &type,
                                               const std::vector<std::string> &keys, std::uint32_t buckets);

  static ReferenceRows Fetch(PostgresConnection &database, const std::string &type,
                             const std::vector<std::string> &keys);
};

} // namespace itemize::sidecar::coherence
