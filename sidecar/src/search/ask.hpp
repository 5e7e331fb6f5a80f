// What a client asks a search for, decoded: each argument as the text that the SQL functions read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace itemize::sidecar::search {

inline constexpr std::size_t kDefaultResults = 20;
inline constexpr std::size_t kMaxResults = 100;
/// Clusters of points in one answer; more are refused, with the advice to look at less.
inline constexpr std::size_t kMaxClusters = 2000;
inline constexpr unsigned kMaxZoom = 22;

enum class Kind : std::uint8_t { kSearch, kFacets, kClusters };

/// Which rows are meant. Absent: not asked for.
struct Question {
  std::optional<std::string> query;
  std::optional<std::string> lang;
  std::optional<std::string> near;   ///< EWKT of a point
  std::optional<std::string> within; ///< metres
  std::optional<std::string> bbox;   ///< array of west, south, east, north
  std::optional<std::string> price_min;
  std::optional<std::string> price_max;
  std::optional<std::string> currency;
  std::optional<std::string> filters; ///< jsonb
  std::optional<std::string> since;
  std::optional<std::string> until;
  std::optional<std::string> owner;
  std::optional<std::string> parent;
};

struct Ask {
  enum class Total : std::uint8_t { kNone, kEstimated, kExact };

  Kind kind = Kind::kSearch;
  std::string type;
  /// As request.jwt.claims; empty: those of nobody in particular.
  std::string claims;
  Question question;
  // of a search
  std::optional<std::string> order;
  std::size_t limit = kDefaultResults;
  std::optional<std::string> after;
  Total total = Total::kNone;
  // of facets
  std::vector<std::string> facet_names;
  std::string facets; ///< jsonb
  std::optional<std::string> max_values;
  // of clusters
  unsigned zoom = 0;
};

} // namespace itemize::sidecar::search
