// What this process knows of API tokens and blocked subjects, kept current by the stream of the local copy. What is
// known here needs no question to Redis or the database.
#pragma once

#include "base/recent_map.hpp"
#include "identity/identity.hpp"
#include "itemize/lsn.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace itemize::sidecar::admission {

/// Until when a subject is blocked.
struct Block {
  /// Seconds since 1970.
  static constexpr std::int64_t kForEver = std::numeric_limits<std::int64_t>::max();
  std::int64_t until = 0;

  [[nodiscard]] bool HoldsAt(std::chrono::system_clock::time_point now) const {
    return until > std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  }
};

/// Thread-safe.
class Register {
public:
  // --- the feed's thread, in the order of the stream

  /// Changes from `position` on will follow, and some before it may have been missed.
  void Reset(const Position &position);
  /// No change comes in: nothing is known for certain.
  void Suspend();
  /// All changes up to now have come in.
  void Resume();
  /// The changes of a piece.
  void Note(std::string_view piece, const Position &position);
  /// An item was wrong in the copy; an empty type: some were.
  void NoteHealed(std::string_view type, std::string_view key, const Position &position);

  // --- any thread

  /// Whether what is known counts by itself; else only when nobody else can tell.
  enum class Trust : std::uint8_t { kCurrent, kWhateverIsHeld };

  /// By the hash. Nothing: it has to be asked for. A null caller: there is no such token.
  [[nodiscard]] std::optional<identity::Caller> FindToken(const std::string &hash, Trust trust);
  /// By the hash of the subject. A Block that never held: it is not blocked.
  [[nodiscard]] std::optional<Block> FindBlock(const std::string &hash, Trust trust);
  /// `read_at`: what the copy had applied when it was read; nothing: it was not from a copy, and is not kept.
  void KeepToken(const std::string &hash, identity::Caller caller, const std::optional<Position> &read_at);
  void KeepBlock(const std::string &hash, Block block, const std::optional<Position> &read_at);

  /// Whether a stream of this caller has to end: his token or subject is not what it was when it was verified.
  [[nodiscard]] bool Ends(const identity::Identity &caller);

private:
  using Clock = std::chrono::steady_clock;
  /// Tokens and subjects that are known at least, and those that there are not.
  static constexpr std::size_t kKnown = 50000;
  static constexpr std::size_t kUnknown = 20000;
  /// Streams to be ended that are told apart.
  static constexpr std::size_t kEnded = 20000;
  /// For longer than any request takes from its verification to its stream.
  static constexpr std::chrono::seconds kEndedKept{120};

  [[nodiscard]] bool MayKeep(const std::optional<Position> &read_at) const;
  void Touch(std::string_view type, std::string_view key, bool is_new);
  void EndAll();
  void End(const std::string &hash);

  std::mutex mutex_;
  bool suspended_ = true;
  RecentMap<identity::Caller> tokens_{kKnown};
  /// Separately: who tries tokens out displaces none that are good.
  RecentMap<identity::Caller> unknown_tokens_{kUnknown};
  RecentMap<Block> blocks_{kKnown};
  /// Behind this there was no change of a token or a block yet.
  std::optional<Position> changed_;

  /// Callers verified before are to end, by the hash of token or subject.
  RecentMap<Clock::time_point> ended_{kEnded};
  std::size_t ended_count_ = 0;
  Clock::time_point ended_aged_ = Clock::now();
  Clock::time_point all_ended_{};
  /// The last of all those moments, in ticks.
  std::atomic<Clock::rep> last_ended_{0};
};

} // namespace itemize::sidecar::admission
