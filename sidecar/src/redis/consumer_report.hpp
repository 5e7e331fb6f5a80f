// How a reader of the global stream, a cluster or a consumer group, reports itself in the global Redis, and when it
// counts as gone. See keys.hpp for the hashes.
#pragma once

#include "itemize/lsn.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace itemize::sidecar {

/// A cluster, or a copy of rows under way, that has not reported itself for so long no longer keeps the stream.
inline constexpr std::chrono::minutes kClusterSilence{10};
/// A consumer group without any member is forgotten after this time.
inline constexpr std::chrono::hours kGroupSilence{7 * 24};

/// `<version> <Unix milliseconds>`, of a cluster also ` <complete LSN> <copy>`.
struct ConsumerReport {
  /// Everything up to here is applied, or acknowledged by all of the group.
  Version position;
  /// Unix milliseconds.
  std::uint64_t reported = 0;
  /// Clusters: every transaction up to here is applied whole; else 0.
  Lsn complete = 0;
};

/// Nothing for what no reader of ours has written.
inline std::optional<ConsumerReport> ParseConsumerReport(std::string_view text) {
  const auto take = [&text] {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    return word;
  };
  const auto position = ParseVersion(take());
  const auto reported = ParseUint64(take());
  if (!position || !reported) return std::nullopt;
  return ConsumerReport{*position, *reported, ParseUint64(take()).value_or(0)};
}

} // namespace itemize::sidecar
