// What became of each write of a history: the committed changes of each key in order, and which of them the database
// lost when it went back.
#pragma once

#include "history.hpp"

#include <cstddef>
#include <limits>

namespace itemize::faults {

inline constexpr std::size_t kNever = std::numeric_limits<std::size_t>::max();

/// A change of a key that was, or may have been, committed.
struct ChainEntry {
  const Write *write = nullptr;
  const KeyChange *change = nullptr;
  std::size_t born = 0;      ///< the history in which it was written
  std::size_t lost = kNever; ///< the first one that has it no more
  bool certain = false;      ///< it was committed; else nobody knows

  [[nodiscard]] Number version() const { return write->version; }
  /// Whether a position stands behind this change: a large transaction is applied in steps, and between two of them a
  /// copy's position is that of a change in its middle.
  [[nodiscard]] bool Reached(const Version &position) const {
    const auto ordinal = static_cast<std::uint64_t>(change - write->changes.data()) + 1;
    return write->lsn != 0 && Version{write->lsn, ordinal} <= position;
  }
  [[nodiscard]] bool deleted() const { return change->operation == 'd'; }
  /// Whether it is part of what happened in this history.
  [[nodiscard]] bool InHistory(std::size_t number) const { return born <= number && lost > number; }
};

using Chain = std::vector<ChainEntry>;

class Timeline {
public:
  explicit Timeline(const History &history);

  /// In the order of versions; empty for an unknown key.
  [[nodiscard]] const Chain &Of(const std::string &key) const;
  [[nodiscard]] const std::unordered_map<std::string, Chain> &chains() const { return chains_; }

  enum class Fate { kUnheardOf, kNotCommitted, kPossible };
  [[nodiscard]] Fate FateOf(Number version) const;
  /// kNever for one that is still there.
  [[nodiscard]] std::size_t LostIn(Number version) const;
  [[nodiscard]] std::size_t lost_count() const { return lost_.size(); }

  /// The newest history that somebody could see at that time, and the history that an epoch tells.
  [[nodiscard]] std::size_t HistoryAt(Time time) const;
  [[nodiscard]] std::size_t HistoryOf(const Epoch &epoch) const;
  [[nodiscard]] std::size_t last_history() const { return history_.gone_back.size(); }

private:
  void Place(const Write &write);
  /// Whether the database has the transaction in that history; nothing when nobody looked.
  [[nodiscard]] std::optional<bool> Had(std::size_t number, Number version) const;

  const History &history_;
  std::unordered_map<std::string, Chain> chains_;
  std::unordered_map<Number, Fate> fates_;
  std::unordered_map<Number, std::size_t> lost_;
};

/// The first entry whose version is at least this.
std::size_t IndexOf(const Chain &chain, Number version);

} // namespace itemize::faults
