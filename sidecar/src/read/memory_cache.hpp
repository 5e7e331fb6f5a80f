// Rows of the local copy in this process' own memory. What is here is bytes and nothing else: whether they are what the
// copy holds now is asked of the copy each time, by the stamp that it has put on them (ItemField::kStamp), so that all
// that is promised of the copy holds of an answer from here (docs/explanations/freshness.md).
#pragma once

#include "base/compression.hpp"
#include "base/metrics.hpp"
#include "itemize/change_event.hpp"
#include "itemize/lsn.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace itemize::sidecar::read {

/// Immutable but for `renewed`. A stamp stands for one row of one item: the copy takes it off when the row changes.
struct KeptItem {
  using Clock = std::chrono::steady_clock;

  std::string stamp;
  std::string row;
  std::string entity_tag;
  /// What the definition that the row was read under says to caches: DirectivesOf.
  std::string directives;
  /// The row compressed, by coding, since somebody asked for it so; empty: it is not worth it.
  std::array<std::optional<std::string>, kCodings> coded;

  /// Whether it is known what is sent under that coding.
  [[nodiscard]] bool Knows(Coding coding) const {
    return !IsCompressible(coding, row.size()) || coded[static_cast<std::size_t>(coding)];
  }
  /// Null when the row is sent as it is.
  [[nodiscard]] const std::string *Under(Coding coding) const {
    const auto &compressed = coded[static_cast<std::size_t>(coding)];
    return compressed && !compressed->empty() ? &*compressed : nullptr;
  }
  /// When the copy was last told to hold the item longer.
  mutable std::atomic<Clock::time_point> renewed{Clock::now()};
};

using SharedItem = std::shared_ptr<const KeptItem>;

/// Thread-safe.
class MemoryCache {
public:
  /// `most_bytes` for all, keys and what goes with them included; 0 keeps nothing.
  MemoryCache(std::size_t most_bytes, Metrics &metrics);

  [[nodiscard]] bool enabled() const { return most_bytes_ > 0; }

  /// Null when it is not here. Finding counts as using.
  [[nodiscard]] SharedItem Find(const std::string &type, const std::string &key);
  /// `read_at`: what the copy had applied when the row was read. Older rows than what Forget has been told of are not
  /// kept.
  void Keep(const std::string &type, const std::string &key, std::string stamp, std::string row,
            const Position &read_at, std::string_view directives = {});
  /// Keeps with the item what its row is under a coding (nothing: not worth it), as long as it is the one that is here.
  void KeepCoded(const std::string &type, const std::string &key, const SharedItem &item, Coding coding,
                 std::optional<std::string> compressed);
  /// Counts items whose bytes came from here.
  void CountHits(std::size_t items) { hits_.Increment(static_cast<double>(items)); }

  // What follows frees memory, and sees to it that nothing erased stays in it; that nothing old is shown does not
  // depend on it.

  /// What the piece has changed.
  void ForgetChanges(std::string_view piece, const Position &position);
  void Forget(const std::string &type, const std::string &key);
  /// All; what is read of the copy as of `position` or later is kept again.
  void Clear(const Position &position);

private:
  struct Entry {
    std::string name;
    SharedItem item;
    std::size_t bytes = 0;
  };
  using Entries = std::list<Entry>;

  [[nodiscard]] static std::string NameOf(std::string_view type, std::string_view key);
  void MakeRoom();
  void Remove(Entries::iterator entry);
  void ForgetType(std::string_view type);
  void ForgetChange(const Change &change);

  const std::size_t most_bytes_;
  prometheus::Counter &hits_;
  prometheus::Counter &evictions_;
  prometheus::Gauge &bytes_shown_;
  std::mutex mutex_;
  /// The one used last is first.
  Entries entries_;
  std::unordered_map<std::string_view, Entries::iterator> places_;
  std::size_t bytes_ = 0;
  /// Up to where changes have been forgotten; nothing before the first Clear.
  std::optional<Position> reached_;
};

} // namespace itemize::sidecar::read
