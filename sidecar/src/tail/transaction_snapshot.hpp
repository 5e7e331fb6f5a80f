// The text of pg_current_snapshot(): which transactions a copy of rows contains.
#pragma once

#include "itemize/lsn.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

namespace itemize::sidecar {

class TransactionSnapshot {
public:
  /// `xmin:xmax:xip,xip,…`; nothing when the text is not of that form.
  static std::optional<TransactionSnapshot> Parse(std::string_view text) {
    TransactionSnapshot snapshot;
    snapshot.text_ = text;
    const std::size_t first = text.find(':');
    if (first == std::string_view::npos) return std::nullopt;
    const std::size_t second = text.find(':', first + 1);
    if (second == std::string_view::npos) return std::nullopt;
    const auto xmin = ParseUint64(text.substr(0, first));
    const auto xmax = ParseUint64(text.substr(first + 1, second - first - 1));
    if (!xmin || !xmax) return std::nullopt;
    snapshot.xmin_ = *xmin;
    snapshot.xmax_ = *xmax;
    std::string_view running = text.substr(second + 1);
    while (!running.empty()) {
      const std::size_t comma = running.find(',');
      const auto xid = ParseUint64(running.substr(0, comma));
      if (!xid) return std::nullopt;
      snapshot.running_.insert(*xid);
      running.remove_prefix(comma == std::string_view::npos ? running.size() : comma + 1);
    }
    return snapshot;
  }

  /// Whether the rows contain what a transaction did of which it is known that it has committed.
  [[nodiscard]] bool Contains(std::uint64_t xid) const {
    return xid < xmin_ || (xid < xmax_ && running_.count(xid) == 0);
  }
  [[nodiscard]] const std::string &text() const { return text_; }

private:
  std::string text_;
  std::uint64_t xmin_ = 0;
  std::uint64_t xmax_ = 0;
  std::unordered_set<std::uint64_t> running_;
};

} // namespace itemize::sidecar
