// Whether the slot repeats what the stream already has. After a crash it does, exactly: the same transactions at the
// same LSNs. A database that was restored from an older copy of its files and written to again has LSNs of that range,
// too, but they are other transactions; to leave those out as repeated would lose them without a trace.
#pragma once

#include "global/stream_writer.hpp"
#include "itemize/change_event.hpp"

#include <deque>
#include <functional>

namespace itemize::sidecar {

class ReplayCheck {
public:
  /// Entries of the stream behind a version, in order; as many as come at once, none at its end.
  using Source = std::function<std::vector<StreamedPiece>(const Version &after)>;

  /// Nothing to check.
  ReplayCheck() = default;
  /// What the stream holds behind `confirmed` is to be repeated. What lies before `first`, its oldest entry, was
  /// trimmed and cannot be compared.
  ReplayCheck(Source source, const Version &first, Lsn confirmed);

  /// Whether the stream has this transaction, and none between it and the one before.
  bool Repeats(const PieceHeader &header);
  /// Whether nothing of the stream is left to be repeated. Costs nothing when it was true before.
  bool Complete();
  /// Up to here, everything was repeated.
  [[nodiscard]] Lsn agreed() const { return agreed_; }

private:
  /// The next transaction to be repeated; null at the end of the stream.
  const StreamedPiece *Next();

  Source source_;
  Version read_;
  Lsn agreed_ = 0;
  std::deque<StreamedPiece> ahead_;
  bool ended_ = true;
};

} // namespace itemize::sidecar
