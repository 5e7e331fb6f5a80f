// What one call of ApplyScript applies: pieces, or a part of a piece that would keep Redis busy for too long.
#pragma once

#include "itemize/change_event.hpp"
#include "redis/command_bytes.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace itemize::sidecar {

class ApplyBatch {
public:
  enum class Added {
    kWhole,    ///< the piece, or the rest of it
    kPart,     ///< as much as fits: to be added once more, to the next batch
    kMalformed ///< nothing of it
  };
  Added Add(std::string_view id, std::string_view piece);

  [[nodiscard]] bool empty() const { return changes_.empty(); }
  /// Redis is busy with a full one for a few milliseconds.
  [[nodiscard]] bool full() const;
  /// Pieces that end in this batch.
  [[nodiscard]] std::size_t pieces() const { return ended_; }
  [[nodiscard]] std::size_t changes() const { return count_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  /// Microseconds since the Unix epoch; 0 when there is no transaction in the batch.
  [[nodiscard]] std::int64_t last_commit_time() const { return last_commit_time_; }
  /// What has been applied when this batch is.
  [[nodiscard]] const Version &reached() const { return reached_; }
  /// Every transaction up to here is whole with this batch; 0 when none ends in it.
  [[nodiscard]] Lsn complete() const { return complete_; }

  /// For ApplyScript: number of subjects, then type and generation of each.
  void WriteSubjects(CommandBytes &command) const;
  /// For ApplyScript: the changes, packed.
  [[nodiscard]] std::string_view packed_changes() const { return changes_; }
  /// For ApplyScript: id, index and text of each entry. After End().
  [[nodiscard]] const CommandBytes &entry_arguments() const { return entries_; }
  /// Nothing more is added. To be called before it is sent.
  void End() { EndEntry(); }

  /// Begins the next batch; it goes on with the piece of which a part is in this one.
  void Clear();

private:
  std::uint32_t SubjectNumber(std::string_view type, std::uint64_t generation);
  void AddToEntry(std::string_view id, std::string_view piece);
  void EndEntry();
  void Pack(const Change &change, std::string_view piece);
  /// A change that has nothing but its kind.
  void PackBare(char kind, std::uint64_t ordinal);
  void Mark(char flag);

  CommandBytes entries_;
  /// The entry under way: id of its last piece, index and text.
  std::string entry_id_;
  std::string entry_index_;
  std::string entry_text_;
  std::string changes_;
  std::vector<std::pair<std::string, std::uint64_t>> subjects_;
  /// Where the rest of a piece begins.
  std::optional<PieceReader> rest_;
  std::size_t count_ = 0;
  std::size_t ended_ = 0;
  std::size_t bytes_ = 0;
  std::int64_t last_commit_time_ = 0;
  Version reached_;
  Lsn complete_ = 0;
};

} // namespace itemize::sidecar
