// When a reader's position can no longer be continued from.
#pragma once

#include "base/errors.hpp"
#include "itemize/change_event.hpp"
#include "local/stream_reader.hpp"

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace itemize::sidecar {

/// Changes may have been missed: never to be passed over in silence.
class ResyncNeeded : public Error {
public:
  using Error::Error;
};

/// Where a reader goes on behind a position. Ordinal 0, of a heartbeat or of itemize.token(), means: every transaction
/// up to this LSN, so the one that ends there as well.
inline Version AfterPosition(const Version &version) {
  constexpr std::uint64_t kEnd = std::numeric_limits<std::uint64_t>::max();
  return version.ordinal == 0 ? Version{version.commit_lsn, kEnd} : version;
}

/// Entries behind `after`; waits for some up to `longest_wait`.
inline StreamReader::Batch ReadStream(StreamReader &reader, const Epoch &epoch, const Version &after,
                                      std::chrono::milliseconds longest_wait) {
  reader.Ask(epoch, after, longest_wait);
  return reader.Receive();
}

/// Whether the first entry of the stream is a piece that goes on where `after` stands inside its transaction: then
/// nothing in between is missing, though the entry's id is greater.
inline bool ContinuesInside(const StreamReader::Batch &batch, const Version &after) {
  if (batch.size() == 0 || batch.first->commit_lsn != after.commit_lsn) return false;
  const ReplyView entry = batch.entry(0);
  const ReplyView fields = entry[1];
  if (entry[0].Text() != FormatVersion(*batch.first) || fields.size() != 2) return false;
  auto reader = PieceReader::Open(fields[1].Text());
  Change change;
  return reader && reader->Next(change) && change.ordinal <= after.ordinal + 1;
}

/// Why a reader that has read up to `after` must load anew; nothing when the batch goes on from there.
inline std::optional<std::string_view> ReasonToLoadAnew(const StreamReader::Batch &batch, const Epoch &epoch,
                                                        const Version &after) {
  if (!batch.epoch || *batch.epoch != epoch) return "epoch_changed";
  if (!batch.first) return "stream_missing";
  if (*batch.first > after && !ContinuesInside(batch, after)) return "trimmed";
  return std::nullopt;
}

} // namespace itemize::sidecar
