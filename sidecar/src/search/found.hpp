// What came of a search.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace itemize::sidecar::search {

enum class Outcome : std::uint8_t {
  kOk,
  kWrong,       ///< the database refuses the question: Found::detail says why
  kNotDefined,  ///< there is nothing to search: Found::detail says why
  kTimeout,     ///< it took longer than it may
  kBusy,        ///< too many searches wait, or the server has no room for one now
  kUnavailable, ///< no server answers
  kRefused,     ///< the role of this process may not search
  kFailed,      ///< a fault, told in the log
};

/// Numbers are texts as PostgreSQL writes them: nothing is lost on the way.
struct Hit {
  std::string key;
  std::optional<std::string> score;
  std::optional<std::string> distance;
  std::optional<std::string> price;
  std::optional<std::string> headline;
  /// What to pass as `after` for what follows this one.
  std::string cursor;
  /// The item; nothing when it was gone by then, or
  std::optional<std::string> row;
  /// is there and cannot be given,
  bool unencodable = false;
  /// or not now.
  bool contended = false;
};

struct FacetCount {
  std::string facet;
  std::optional<std::string> value;
  std::optional<std::string> low;
  std::optional<std::string> high;
  std::string count;
};

struct Cluster {
  std::string count;
  std::string longitude;
  std::string latitude;
  std::string west;
  std::string south;
  std::string east;
  std::string north;
  std::optional<std::string> key;
};

struct Found {
  Outcome outcome = Outcome::kOk;
  /// For the client; with kWrong and kNotDefined.
  std::string detail;
  std::vector<Hit> hits;
  std::optional<std::string> next;
  bool relaxed = false;
  std::optional<std::string> total;
  bool total_is_exact = false;
  std::vector<FacetCount> facets;
  std::vector<Cluster> clusters;
};

} // namespace itemize::sidecar::search
