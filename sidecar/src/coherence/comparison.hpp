// One comparison of all that a cluster holds with the database: no false alarm, and nothing that is wrong for long
// escapes it. docs/explanations/coherence.md has the rule and why it is exact.
#pragma once

#include "coherence/held_copy.hpp"
#include "coherence/reference.hpp"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace itemize::sidecar::coherence {

/// There is nothing that could be compared now: no copy, one that was begun anew meanwhile, or another database.
class NotComparable : public Error {
public:
  using Error::Error;
};

struct ComparisonCounts {
  std::uint64_t checked = 0;    ///< items of which it was told whether they are right
  std::uint64_t mismatches = 0; ///< of these: wrong, and dropped
  std::uint64_t unsettled = 0;  ///< changed whenever they were looked at, or could not be fetched
};

struct ComparisonSettings {
  /// 0: as fast as it goes.
  std::uint64_t items_per_second = 0;
  /// Names the watches of this comparison; unlike that of any other.
  std::string token;
  /// An item was wrong: how, in a few words. It has been dropped, and the next read fills it.
  std::function<void(const ItemName &item, std::string_view how)> found;
  /// After each step, with what has been counted so far.
  std::function<void(const ComparisonCounts &counts)> progress;
};

/// For one use. Throws NotComparable, PostgresError, RedisError and Stopped.
class Comparison {
public:
  /// All are kept by reference but the settings.
  Comparison(HeldCopy &copy, PostgresConnection &database, ComparisonSettings settings);

  struct Result {
    ComparisonCounts counts;
    /// The copy's when the last item was compared.
    Position position;
  };
  Result Run();

private:
  /// Throws NotComparable where there is none, or another than at the start.
  CopyState RequireState();
  /// Compares items of one type by their checksums, and makes suspects of those in buckets that differ.
  void CompareByChecksum(std::vector<ItemName> items);
  struct Digest {
    ItemName item;
    std::uint64_t digest;
  };
  void AskForChecksums(const std::vector<Digest> &digests);
  /// Tells of each suspect whether it is wrong.
  void Settle();
  /// Gives those back that changed meanwhile.
  std::vector<ItemName> SettleOnce(std::vector<ItemName> items);
  /// Nothing for a key that the database cannot fetch.
  std::vector<std::optional<read::FetchedItem>> Fetch(const std::string &type, const std::vector<std::string> &keys,
                                                      const CopyState &state, Lsn &horizon);
  /// False when that takes too long.
  bool WaitUntilComplete(Lsn horizon);
  void Pace(std::size_t items);

  HeldCopy &copy_;
  PostgresConnection &database_;
  ComparisonSettings settings_;
  std::string name_space_;
  std::vector<ItemName> suspects_;
  ComparisonCounts counts_;
};

} // namespace itemize::sidecar::coherence
