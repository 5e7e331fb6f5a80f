#include "global/replay_check.hpp"

#include <algorithm>
#include <utility>

namespace itemize::sidecar {

ReplayCheck::ReplayCheck(Source source, const Version &first, Lsn confirmed)
    : source_(std::move(source)), read_{confirmed, UINT64_MAX}, agreed_(std::max(confirmed, first.commit_lsn)),
      ended_(false) {}

const StreamedPiece *ReplayCheck::Next() {
  while (true) {
    // Further pieces of a transaction that was repeated, and heartbeats, are no transactions of their own.
    while (!ahead_.empty() && (ahead_.front().header.heartbeat || ahead_.front().header.commit_lsn <= agreed_))
      ahead_.pop_front();
    if (!ahead_.empty()) return &ahead_.front();
    if (ended_) return nullptr;
    // The rest of a transaction that was repeated may be long, and none of it needs to be read.
    read_ = std::max(read_, Version{agreed_, UINT64_MAX});
    for (StreamedPiece &piece : source_(read_)) {
      read_ = piece.version;
      ahead_.push_back(piece);
    }
    ended_ = ahead_.empty();
  }
}

bool ReplayCheck::Repeats(const PieceHeader &header) {
  if (header.commit_lsn <= agreed_) return true;
  const StreamedPiece *const next = Next();
  if (next == nullptr || next->header.commit_lsn != header.commit_lsn || next->header.xid != header.xid ||
      next->header.commit_time != header.commit_time) {
    return false;
  }
  agreed_ = header.commit_lsn;
  return true;
}

bool ReplayCheck::Complete() { return Next() == nullptr; }

} // namespace itemize::sidecar
