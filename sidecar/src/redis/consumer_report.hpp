// How a reader of the global stream, a cluster or a consumer group, reports itself in the global Redis, about once a
// second, and when it counts as gone: sooner or later by what a mistake costs. See keys.hpp for the hashes.
#pragma once

#include "itemize/lsn.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace itemize::sidecar {

/// A cluster that has reported within this time has a sidecar that runs, to whoever wants to uninstall. Short: an
/// operator who has just stopped his sidecars waits for it, and --force is there for one who knows better.
inline constexpr std::chrono::seconds kRunningSilence{10};
/// A reader that has not reported for so long is not waited for by an erasure's scrub, which cuts the stream. Longer: a
/// restart must fit in, as a reader cut off has to load everything again; and not so long that who erases waits.
inline constexpr std::chrono::seconds kReaderSilence{60};
/// A cluster, or a copy of rows under way, that has not reported itself for so long no longer keeps the stream.
/// Long: a machine may be restarted, and the stream is bounded in any case.
inline constexpr std::chrono::minutes kClusterSilence{10};
/// Later than this a report is only when something is wrong.
inline constexpr std::chrono::seconds kReportLate{15};
/// A consumer group without any member is forgotten after this time.
inline constexpr std::chrono::hours kGroupSilence{7 * 24};

/// A copy of rows under way keeps the stream beside the groups, under this and a random name. No group has a colon in
/// its name.
inline constexpr std::string_view kCopyName = "copy:";

/// `<version> <Unix milliseconds>`, of a cluster also ` <complete LSN> <copy>`.
struct ConsumerReport {
  /// Everything up to here is applied, or acknowledged by all of the group.
  Version position;
  /// Unix milliseconds.
  std::uint64_t reported = 0;
  /// Clusters: every transaction up to here is applied whole; else 0.
  Lsn complete = 0;

  /// `now`: Unix milliseconds of the same clock.
  [[nodiscard]] bool SilentFor(std::chrono::milliseconds silence, std::uint64_t now) const {
    return reported + static_cast<std::uint64_t>(silence.count()) <= now;
  }
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
