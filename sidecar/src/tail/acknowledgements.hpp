// Which of the lines printed are done, and what follows for each partition.
#pragma once

#include "itemize/lsn.hpp"
#include "tail/interest.hpp"

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace itemize::sidecar {

/// The position in a line of acknowledgement: the text itself, or the line that tail had printed.
std::optional<Position> ParseAcknowledgement(std::string_view line);

/// The lines out there, in the order in which they were printed.
class Outstanding {
public:
  void Add(unsigned partition, const Version &version) {
    lines_.push_back({partition, version});
    ++counts_[partition];
  }

  /// Everything up to the first line of this version is done. Of each partition concerned the last version, which its
  /// acknowledged position is now; nothing when there is no such line.
  std::map<unsigned, Version> Acknowledge(const Version &version);

  /// Of a partition that another member has now.
  void Drop(unsigned partition);
  void Clear() {
    lines_.clear();
    counts_.clear();
  }

  [[nodiscard]] bool Has(unsigned partition) const { return counts_.count(partition) > 0; }
  [[nodiscard]] std::size_t size() const { return lines_.size(); }

private:
  struct Line {
    unsigned partition;
    Version version;
  };
  std::deque<Line> lines_;
  std::map<unsigned, std::size_t> counts_;
};

/// Lines of standard input, without ever waiting for one.
class AckReader {
public:
  explicit AckReader(int fd) : fd_(fd) {}

  /// Those that have arrived.
  std::vector<std::string> Read();
  /// Nothing will come any more.
  [[nodiscard]] bool ended() const { return ended_; }
  [[nodiscard]] int fd() const { return fd_; }

private:
  int fd_;
  bool ended_ = false;
  std::string rest_;
};

} // namespace itemize::sidecar
