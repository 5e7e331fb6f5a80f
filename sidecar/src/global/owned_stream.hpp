// What the publisher's session tells the watch beside it: which stream is ours, and by what claim.
#pragma once

#include <mutex>
#include <optional>
#include <string>

namespace itemize::sidecar {

/// Thread-safe.
class OwnedStream {
public:
  struct Claim {
    std::string epoch;
    std::string token;
    /// Redis refuses entries for want of room.
    bool full = false;
    /// The database could not be told the epoch for now.
    bool report_due = false;
  };

  void Set(Claim claim) {
    const std::lock_guard<std::mutex> lock(mutex_);
    claim_ = std::move(claim);
  }
  void SetFull(bool full) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (claim_) claim_->full = full;
  }
  void SetReportDue(const std::string &epoch, bool due) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (claim_ && claim_->epoch == epoch) claim_->report_due = due;
  }
  void Clear() {
    const std::lock_guard<std::mutex> lock(mutex_);
    claim_.reset();
  }
  /// Nothing while another process has the slot.
  [[nodiscard]] std::optional<Claim> Get() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return claim_;
  }

private:
  mutable std::mutex mutex_;
  std::optional<Claim> claim_;
};

} // namespace itemize::sidecar
